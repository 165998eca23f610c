"""HTTP shapes of revenue."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_metrics.insights.periods import Interval
from opsloop_metrics.orders.rules import require_currency
from opsloop_metrics.revenues.rules import Asked
from opsloop_metrics.shapes import EventFilterIn, InsightIn, Where


def _no_conditions(where: Where) -> Where:
    if where:
        raise ValueError("orders have no fields of events; put conditions into `invite`, `joined` or `signup`")
    return where


class RevenueIn(InsightIn):
    """What did orders bring? `currency` may be left out while all orders are in one.

    `invite` and `joined` say which events invite and follow invitations (for the K-factor), `signup` which are sign-ups.
    """

    LIGHTER: ClassVar[str] = "a shorter time, or without invite, joined and signup"

    where: Annotated[Where, AfterValidator(_no_conditions)] = Field(default_factory=list)
    currency: Annotated[str, AfterValidator(require_currency)] | None = None
    cohorts: Literal[Interval.WEEK, Interval.MONTH] = Interval.MONTH
    invite: EventFilterIn | None = None
    joined: EventFilterIn | None = None
    signup: EventFilterIn | None = None

    def to_asked(self) -> Asked:
        """Return what is asked for beside the time."""
        named = {
            name: filter.to_filter()
            for name in ("invite", "joined", "signup")
            if (filter := getattr(self, name)) is not None
        }
        return Asked(self.currency, self.cohorts, **named)


class RevenueTotals(OutModel):
    """The same numbers over the whole time; people count once."""

    gross: int
    refunds: int
    net: int
    orders: int
    buyers: int
    new_buyers: int
    active: int
    average_order: float | None
    arpu: float | None
    arppu: float | None
    downloads: int | None
    signups: int | None
    download_conversion: float | None


class LifetimeValue(OutModel):
    """What a cohort brought from its first interval to the end of this one: minor units, and per buyer of it."""

    net: int
    net_per_buyer: float
    is_complete: bool


class LifetimeCohort(OutModel):
    """Those whose first order lies in the interval that begins at `start`."""

    start: Timestamp
    size: int
    values: list[LifetimeValue]


class Lifetime(OutModel):
    """Cohorts by the interval of their first order; `values` are of 0, 1, 2 … intervals later."""

    interval: Interval
    cohorts: list[LifetimeCohort]


class KFactor(OutModel):
    """How many people a person brings: `k` = `invitations_per_active` × `conversion` = `joined` / `active`.

    `invitations` are events, by `inviters`; `invitations_per_inviter` and `conversion` (`joined` / `invitations`) of none are null.
    """

    active: int
    inviters: int
    invitations: int
    joined: int
    invitations_per_inviter: float | None
    invitations_per_active: float | None
    conversion: float | None
    k: float | None


class RevenueOut(OutModel):
    """By interval: money in minor units of `currency`, of which the last `currency_digits` are behind the point; ratios of none null.

    `currency` is null where there are no orders and none was named; `downloads`, `signups` and `download_conversion` where there
    are no downloads in this time, or no `signup` was named.
    """

    currency: str | None
    currency_digits: int
    intervals: list[Timestamp]
    gross: list[int]
    refunds: list[int]
    net: list[int]
    orders: list[int]
    buyers: list[int]
    new_buyers: list[int]
    active: list[int]
    average_order: list[float | None]
    arpu: list[float | None]
    arppu: list[float | None]
    downloads: list[int] | None
    signups: list[int] | None
    download_conversion: list[float | None] | None
    totals: RevenueTotals
    lifetime: Lifetime
    k_factor: KFactor | None
    incomplete_from: int | None
