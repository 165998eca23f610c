"""The periods for which KPIs have values that are kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from opsloop_metrics.insights.periods import Interval, WeekStart, floor, steps

SERIES_POINTS = 30
"""Of the board: so many of a KPI's newest periods."""
LONGEST = timedelta(days=32)
"""Longer than any period: what a period comes to is known less than so long after it began."""
TICK = timedelta(microseconds=1)
"""What comes before a time is so much earlier."""


class Period(StrEnum):
    """For which time a KPI has one value that is kept: a day, week or month of the workspace's zone."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Measured:
    """What a KPI came to in a period as of `at`: its end, once that is over."""

    starts_at: datetime
    ends_at: datetime
    at: datetime
    value: float | None

    def is_open(self, now: datetime) -> bool:
        """Say whether the period is over and its last value is not known yet."""
        return self.at < self.ends_at <= now


@dataclass(frozen=True)
class Kept(Measured):
    """What a KPI came to in a period, and when that was found."""

    measured_at: datetime


def by_interval(
    values: Sequence[tuple[datetime, float | None]], edges: Sequence[datetime]
) -> list[tuple[float | None, int]]:
    """Return (latest value, how many) of every interval `(edges[i], edges[i + 1]]`, of values in the order of time."""
    found: list[tuple[float | None, int]] = [(None, 0)] * (len(edges) - 1)
    for at, value in values:
        place = bisect_left(edges, at) - 1
        if 0 <= place < len(found):
            found[place] = value, found[place][1] + 1
    return found


def periods_to(
    at: datetime, period: Period, zone: str, week_start: WeekStart, *, since: datetime
) -> list[tuple[datetime, datetime]]:
    """Return when a time's period begins and ends, and those before it as long as one begins after `since`; at most `SERIES_POINTS`."""
    found = [period_of(at, period, zone, week_start)]
    while len(found) < SERIES_POINTS and found[0][0] > since:
        found.insert(0, period_of(found[0][0] - TICK, period, zone, week_start))
    return found


def period_of(at: datetime, period: Period, zone: str, week_start: WeekStart) -> tuple[datetime, datetime]:
    """Return when the period in which a time lies begins and ends."""
    start = floor(at, Interval(period), zone, week_start)
    return start, steps(start, 1, Interval(period), zone)
