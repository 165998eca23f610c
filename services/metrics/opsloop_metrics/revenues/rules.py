"""What revenue is made of: sums of minor units, exact, and ratios of them (docs/insights.md §15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import EventFilter, Interval
from opsloop_metrics.insights.tables import Cell

MOST_COHORTS = 120
"""Rows of a triangle: ten years of months, two of weeks."""
_UTC = "%Y-%m-%dT%H:%M:%SZ"
WHOLE = -1
"""The place that stands for the whole time."""
ACTIVITY = EventFilter()


@dataclass(frozen=True)
class Asked:
    """What is asked for beside the time; None: not."""

    currency: str | None = None
    cohorts: Interval = Interval.MONTH
    invite: EventFilter | None = None
    joined: EventFilter | None = None
    signup: EventFilter | None = None


@dataclass(frozen=True)
class Counted:
    """Events of one filter by place, and the people who did them; `WHOLE` stands for all."""

    events: Mapping[int, int] = field(default_factory=dict)
    people: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sales:
    """The numbers of one interval, or of the whole time."""

    gross: int = 0
    refunds: int = 0
    orders: int = 0
    buyers: int = 0
    new_buyers: int = 0
    active: int = 0
    downloads: int | None = None
    signups: int | None = None

    @property
    def net(self) -> int:
        """Return what stayed."""
        return self.gross - self.refunds

    @property
    def average_order(self) -> float | None:
        """Return what an order brought, before refunds."""
        return ratio(self.gross, self.orders)

    @property
    def arpu(self) -> float | None:
        """Return what stayed for each active person."""
        return ratio(self.net, self.active)

    @property
    def arppu(self) -> float | None:
        """Return what stayed for each buyer."""
        return ratio(self.net, self.buyers)

    @property
    def download_conversion(self) -> float | None:
        """Return how many signed up for each download."""
        return None if self.signups is None or self.downloads is None else ratio(self.signups, self.downloads)


@dataclass(frozen=True)
class Value:
    """What a cohort brought so far."""

    net: int
    net_per_buyer: float
    is_complete: bool


@dataclass(frozen=True)
class Cohort:
    """Those who first bought in one interval."""

    start: datetime
    size: int
    values: list[Value]


@dataclass(frozen=True)
class KFactor:
    """How many people a person brings."""

    active: int
    inviters: int
    invitations: int
    joined: int

    @property
    def invitations_per_inviter(self) -> float | None:
        """Return how often those who invite do."""
        return ratio(self.invitations, self.inviters)

    @property
    def invitations_per_active(self) -> float | None:
        """Return how often people invite."""
        return ratio(self.invitations, self.active)

    @property
    def conversion(self) -> float | None:
        """Return how many join for each invitation."""
        return ratio(self.joined, self.invitations)

    @property
    def k(self) -> float | None:
        """Return how many join for each active person: invitations per person × joined per invitation."""
        return ratio(self.joined, self.active)


def ratio(part: int, whole: int) -> float | None:
    """Return a share or mean, None of nothing."""
    return part / whole if whole else None


def currency_of(asked: str | None, known: Sequence[str]) -> str | None:
    """Return the currency to count in: the one named, or the only one; None where there are no orders. Raises Invalid."""
    if asked is None and len(known) > 1:
        shown = ", ".join(known[:10])
        raise Invalid("/currency", f"has to be named: there are orders in {shown}, and currencies are not added up")
    return asked or (known[0] if known else None)


def require_pair(asked: Asked) -> None:
    """Let a question pass that names both sides of invitations or neither; raises Invalid."""
    if (asked.invite is None) != (asked.joined is None):
        missing, given = ("joined", "invite") if asked.joined is None else ("invite", "joined")
        raise Invalid(f"/{missing}", f"has to be there beside {given}")


def require_cohorts(count: int) -> None:
    """Let no triangle grow too large; raises Invalid."""
    if count > MOST_COHORTS:
        raise Invalid("/cohorts", f"from and to may be at most {MOST_COHORTS} of them apart")


def sales_of(
    count: int,
    sold: Iterable[tuple[int | None, int, int, int, int]],
    refunded: Iterable[tuple[int, int]],
    active: Counted,
    *,
    downloads: Mapping[int, int] | None = None,
    signups: Counted | None = None,
) -> tuple[list[Sales], Sales]:
    """Return the numbers of `count` intervals, and of all together.

    `sold` says place (None: all), orders, gross, buyers and new buyers, `refunded` and `downloads` say sums by place.
    """
    by_place = {WHOLE if place is None else place: told for place, *told in sold}
    went_back = dict(refunded)
    went_back[WHOLE] = sum(went_back.values())
    loaded = None if not downloads else {**downloads, WHOLE: sum(downloads.values())}

    def at(place: int) -> Sales:
        orders, gross, buyers, new = by_place.get(place, (0, 0, 0, 0))
        return Sales(
            gross=gross,
            refunds=went_back.get(place, 0),
            orders=orders,
            buyers=buyers,
            new_buyers=new,
            active=active.people.get(place, 0),
            downloads=None if loaded is None else loaded.get(place, 0),
            signups=None if signups is None or loaded is None else signups.people.get(place, 0),
        )

    return [at(place) for place in range(count)], at(WHOLE)


def cohorts_of(edges: Sequence[datetime], until: datetime, lived: Iterable[tuple[int, int, int, int]]) -> list[Cohort]:
    """Return the cohorts that have anybody, with what they brought up to the end of each interval; complete ones end by `until`.

    `lived` says cohort, place, net there, and how many are new there.
    """
    brought: dict[int, dict[int, int]] = {}
    sizes: dict[int, int] = {}
    for cohort, place, net, newcomers in lived:
        brought.setdefault(cohort, {})[place] = net
        sizes[cohort] = sizes.get(cohort, 0) + newcomers
    found = []
    for cohort in sorted(brought):
        values, net, size = [], 0, sizes[cohort]
        for place in range(cohort, len(edges) - 1):
            net += brought[cohort].get(place, 0)
            values.append(Value(net, net / size, edges[place + 1] <= until))
        found.append(Cohort(edges[cohort], size, values))
    return found


NUMBERS = ("gross", "refunds", "net", "orders", "buyers", "new_buyers", "active", "average_order", "arpu", "arppu")
SOMETIMES = ("downloads", "signups", "download_conversion")


@dataclass(frozen=True)
class Revenue:
    """An answer: `each` of the intervals, `totals` of all."""

    currency: str | None
    currency_digits: int
    intervals: list[datetime]
    each: list[Sales]
    totals: Sales
    interval: Interval
    cohorts: list[Cohort]
    k_factor: KFactor | None
    incomplete_from: int | None

    def column(self, name: str) -> list[float | None] | None:
        """Return one of the numbers by interval; None for what there is not."""
        missing = self.totals.downloads is None or (name != "downloads" and self.totals.signups is None)
        return None if name in SOMETIMES and missing else [getattr(sales, name) for sales in self.each]


def as_table(answer: Revenue) -> tuple[list[str], list[list[Cell]]]:
    """Return names of columns, and a row for each interval; money in minor units."""
    columns = {name: column for name in (*NUMBERS, *SOMETIMES) if (column := answer.column(name)) is not None}
    rows: list[list[Cell]] = [
        [start.strftime(_UTC), answer.currency, *row]
        for start, *row in zip(answer.intervals, *columns.values(), strict=True)
    ]
    return ["interval", "currency", *columns], rows
