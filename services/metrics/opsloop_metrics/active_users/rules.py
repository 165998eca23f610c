"""From the days on which people were active to those of any trailing days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from zoneinfo import ZoneInfo

from opsloop_metrics.insights.periods import Frame
from opsloop_metrics.insights.tables import Cell

WEEK_DAYS, MONTH_DAYS = 7, 30


class Measure(StrEnum):
    """Of which days people are counted: the last of an interval, or the 7 or 30 that end with it."""

    DAU = "dau"
    WAU = "wau"
    MAU = "mau"


WIDTHS = {Measure.DAU: 1, Measure.WAU: WEEK_DAYS, Measure.MAU: MONTH_DAYS}


@dataclass(frozen=True)
class ActiveUsers:
    """Distinct people of the last day of each interval, of the 7 and of the 30 days that end with it; stickiness is dau / mau."""

    intervals: list[str]
    dau: list[int]
    wau: list[int]
    mau: list[int]
    stickiness: list[float | None]
    incomplete_from: int | None


def last_days(frame: Frame) -> list[date]:
    """Return the last day of each interval, of the last one the last before `end`."""
    ends = [min(end, frame.end) - timedelta(microseconds=1) for end in frame.edges[1:]]
    return [_day(end, frame) for end in ends]


def _day(time: datetime, frame: Frame) -> date:
    return time.astimezone(ZoneInfo(frame.zone)).date()


def trailing(found: Sequence[tuple[int, int, int]], size: int, width: int) -> list[int]:
    """Return for each of `size` days how many people were active on it or one of the `width` - 1 days before.

    Each of `found` says on which day people were active, after how many days they were again (or more), and how many they are. They
    count from that day on, until they would count twice or no longer.
    """
    changes = [0] * (size + 1)
    for day, gap, people in found:
        changes[day] += people
        changes[min(size, day + min(gap, width))] -= people
    return list(accumulate(changes[:size]))


def active_users_of(frame: Frame, first: date, found: Iterable[tuple[int, int, int]]) -> ActiveUsers:
    """Return the people of each interval of a frame; days of `found` (see `trailing`) are counted from `first`."""
    rows = list(found)
    places = [(day - first).days for day in last_days(frame)]
    dau, wau, mau = (
        [people[place] for place in places]
        for people in (trailing(rows, places[-1] + 1, width) for width in WIDTHS.values())
    )
    return ActiveUsers(
        intervals=frame.labels,
        dau=dau,
        wau=wau,
        mau=mau,
        stickiness=[day / month if month else None for day, month in zip(dau, mau, strict=True)],
        incomplete_from=frame.incomplete_from,
    )


def as_table(answer: ActiveUsers) -> tuple[list[str], list[list[Cell]]]:
    """Return names of columns, and a row for each interval."""
    columns = (answer.intervals, answer.dau, answer.wau, answer.mau, answer.stickiness)
    return ["interval", "dau", "wau", "mau", "stickiness"], [list(row) for row in zip(*columns, strict=True)]
