"""HTTP shapes of orders and refunds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from opsloop_common.http.schemas import GivenId, InModel, OutModel, ShortText, Timestamp, UserId
from opsloop_metrics.orders.rules import MOST_AMOUNT, Kind, require_currency
from opsloop_metrics.reading.rules import FIRST_YEAR, LAST_YEAR

Currency = Annotated[
    str,
    AfterValidator(require_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["CNY"]}),
]
"""An ISO 4217 code."""


class MoneyIn(InModel):
    """An amount in minor units (1999 is 19.99 CNY, or 1,999 JPY)."""

    amount: int = Field(ge=0, le=MOST_AMOUNT)
    currency: Currency


class RefundedIn(MoneyIn):
    """An amount above nothing, in minor units."""

    amount: int = Field(ge=1, le=MOST_AMOUNT)


class MoneyOut(OutModel):
    """An amount in minor units."""

    amount: int
    currency: str


def _countable(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"must be between the years {FIRST_YEAR} and {LAST_YEAR}")
    return at


Moment = Annotated[Timestamp, AfterValidator(_countable)]
"""A time that files may have as well."""


class OrderIn(InModel):
    """What somebody paid; `order_id` is the shop's own, and names one order for ever."""

    order_id: GivenId
    user_id: UserId
    total: MoneyIn
    ordered_at: Moment
    kind: Kind = Kind.PURCHASE
    product: ShortText | None = None
    source: ShortText | None = None


class OrderOut(OutModel):
    """An order; `user_id` is null once that person was erased. `refunded` is the sum of its refunds."""

    order_id: str
    user_id: str | None
    total: MoneyOut
    refunded: MoneyOut
    ordered_at: Timestamp
    kind: Kind
    product: str | None
    source: str | None
    created_at: Timestamp


class RefundIn(InModel):
    """What went back, in the order's currency; `refund_id` is the shop's own, and names one refund of the order."""

    refund_id: GivenId
    amount: RefundedIn
    refunded_at: Moment
    reason: ShortText | None = None


class RefundOut(OutModel):
    """A refund of an order; `reason` is null once the person was erased."""

    refund_id: str
    amount: MoneyOut
    refunded_at: Timestamp
    reason: str | None
    created_at: Timestamp
