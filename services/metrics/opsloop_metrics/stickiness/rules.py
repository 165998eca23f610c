"""How many people were there how often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.tables import Cell


@dataclass(frozen=True)
class Stickiness:
    """`people[n - 1]` were there in exactly n of `periods` intervals."""

    periods: int
    people: list[int]


def stickiness_of(periods: int, found: Iterable[tuple[int, int]]) -> Stickiness:
    """Return how many were there in 1, 2, … all intervals, from pairs of intervals and people."""
    people = dict(found)
    return Stickiness(periods, [people.get(times, 0) for times in range(1, periods + 1)])


def require_times(times: int, periods: int) -> None:
    """Refuse more intervals than there are; raises Invalid."""
    if times > periods:
        raise Invalid("/intervals", f"must be from 1 to {periods}, the intervals of the query")


def as_table(answer: Stickiness) -> tuple[list[str], list[list[Cell]]]:
    """Return names of columns, and a row for each number of intervals."""
    return ["intervals", "people"], [[place, count] for place, count in enumerate(answer.people, start=1)]
