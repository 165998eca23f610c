"""What people are in an interval: new, returning, resurrecting, or dormant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from opsloop_metrics.insights.tables import Cell


class Status(StrEnum):
    """What somebody is in an interval."""

    NEW = "new"
    RETURNING = "returning"
    RESURRECTING = "resurrecting"
    DORMANT = "dormant"


@dataclass(frozen=True)
class Lifecycle:
    """People of each interval by what they are in it; `dormant` are negative, so that a chart shows them below zero."""

    intervals: list[str]
    new: list[int]
    returning: list[int]
    resurrecting: list[int]
    dormant: list[int]
    incomplete_from: int | None


def lifecycle_of(
    intervals: list[str], found: Iterable[tuple[int, bool, bool, int]], *, incomplete_from: int | None
) -> Lifecycle:
    """Return the people of each interval.

    Each of `found` says of some people who were active in an interval: its place, the interval before the first being 0, whether
    they were first seen in it, whether they were active in the one before, and how many they are.
    """
    size = len(intervals) + 1
    active, new, returning, resurrecting = ([0] * size for _ in range(4))
    for place, is_new, is_returning, people in found:
        active[place] += people
        new[place] += people * bool(is_new)
        returning[place] += people * bool(is_returning)
        resurrecting[place] += people * (not is_new and not is_returning)
    return Lifecycle(
        intervals=intervals,
        new=new[1:],
        returning=returning[1:],
        resurrecting=resurrecting[1:],
        dormant=[returning[place] - active[place - 1] for place in range(1, size)],
        incomplete_from=incomplete_from,
    )


def as_table(answer: Lifecycle) -> tuple[list[str], list[list[Cell]]]:
    """Return names of columns, and a row for each interval."""
    columns = (answer.intervals, answer.new, answer.returning, answer.resurrecting, answer.dormant)
    rows: list[list[Cell]] = [list(row) for row in zip(*columns, strict=True)]
    return ["interval", "new", "returning", "resurrecting", "dormant"], rows
