"""What is asked about attribution, and how counts become an answer (docs/insights.md §10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.insights.tables import Cell

NONE, OTHER = "$none", "$other"
_ABSENT, _DIRECT = "", "direct"


@dataclass(frozen=True)
class Attribution:
    """A query: `by` is the field whose value a session brings, `revenue` the one with the money of a conversion."""

    conversion: EventFilter
    by: str = "channel"
    lookback: timedelta = timedelta(days=30)
    revenue: str | None = None
    limit: int = 20
    skip_direct: bool = True

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Return the values, as the store has them, that get credit only where a conversion has no other."""
        if not self.skip_direct:
            return ()
        return (_ABSENT, _DIRECT) if self.by == "channel" else (_ABSENT,)


class Counted(NamedTuple):
    """What one value was credited with; `place` is its rank from 1, one more than the limit for all others, 0 for all together.

    Money beyond all numbers is None.
    """

    place: int
    value: str
    sessions: int
    people: int
    first: int
    last: int
    linear: float
    first_revenue: float | None
    last_revenue: float | None
    linear_revenue: float | None


@dataclass(frozen=True)
class Credit:
    """What one model gives a value. `revenue` is None where none was asked for, or where it is beyond all numbers."""

    conversions: float
    revenue: float | None


@dataclass(frozen=True)
class Row:
    """A value: sessions that brought it and their people, and its credit by each model."""

    value: str
    sessions: int
    people: int
    first: Credit
    last: Credit
    linear: Credit


@dataclass(frozen=True)
class Total:
    """All conversions and their money; the people of all sessions."""

    conversions: int
    revenue: float | None
    people: int


@dataclass(frozen=True)
class Result:
    """An answer: the values that rank highest, all others together behind them."""

    rows: list[Row]
    total: Total


def answered(asked: Attribution, counted: Iterable[Counted]) -> Result:
    """Return the answer from what was counted, in the order of places."""

    def money(revenue: float | None) -> float | None:
        return None if asked.revenue is None else revenue

    rows, total = [], Total(0, money(0.0), 0)
    for each in sorted(counted):
        if each.place == 0:
            total = Total(each.first, money(each.first_revenue), each.people)
            continue
        rows.append(
            Row(
                value=each.value if each.place <= asked.limit else OTHER,
                sessions=each.sessions,
                people=each.people,
                first=Credit(each.first, money(each.first_revenue)),
                last=Credit(each.last, money(each.last_revenue)),
                linear=Credit(each.linear, money(each.linear_revenue)),
            )
        )
    return Result(rows, total)


def as_table(result: Result) -> tuple[list[str], list[list[Cell]]]:
    """Return an answer as a table, a row a value: names of columns, rows."""
    names = ["value", "sessions", "people"]
    names += [f"{model}_{what}" for model in ("first", "last", "linear") for what in ("conversions", "revenue")]
    rows: list[list[Cell]] = []
    for row in result.rows:
        credits = [cell for one in (row.first, row.last, row.linear) for cell in (one.conversions, one.revenue)]
        rows.append([row.value, row.sessions, row.people, *credits])
    return names, rows
