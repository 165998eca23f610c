"""Over which time a KPI is looked at: a length that slides, or the calendar's day, week or month that runs; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import Interval, WeekStart, floor, steps
from opsloop_metrics.kpi_periods.rules import TICK, Period

MAX_SPAN = timedelta(days=366)
_LONGEST = {Period.DAY: timedelta(days=1), Period.WEEK: timedelta(days=7), Period.MONTH: timedelta(days=31)}

Window = timedelta | Period


@dataclass(frozen=True)
class Calendar:
    """In which zone days begin, and on which of them weeks do."""

    zone: str
    week_start: WeekStart


@dataclass(frozen=True)
class Span:
    """The time `(start, end]`, of a calendar's period `[start, end]`; without a start ever since."""

    start: datetime | None
    end: datetime

    @property
    def length(self) -> timedelta | None:
        """Return how long it is; None: from the beginning."""
        return None if self.start is None else self.end - self.start


def read_window(raw: Window | None) -> Window | None:
    """Return the window; raises Invalid for a bad length."""
    if isinstance(raw, timedelta) and not timedelta() < raw <= MAX_SPAN:
        raise Invalid("/window", f"a window is longer than nothing and at most {MAX_SPAN.days} days")
    return raw


def longest(window: Window) -> timedelta:
    """Return how long a window is at most."""
    return window if isinstance(window, timedelta) else _LONGEST[window]


def span(window: Window | None, end: datetime, calendar: Calendar) -> Span:
    """Return the time that is looked at as of `end`."""
    match window:
        case None:
            return Span(None, end)
        case timedelta():
            return Span(end - window, end)
    return Span(floor(end, Interval(window), calendar.zone, calendar.week_start), end)


def span_before(window: Window, now: Span, calendar: Calendar) -> Span:
    """Return what a span is compared with: as much just before it, or of the calendar's period before the part that is over in this one.

    A period that is shorter than that part counts as a whole: a February until it ends.
    """
    start, length = now.start or now.end, now.length or timedelta()
    if isinstance(window, timedelta):
        return Span(start - window, start)
    begun = steps(start, -1, Interval(window), calendar.zone)
    return Span(begun, min(begun + length, start - TICK))


def over_at(window: Window | None, now: datetime, calendar: Calendar) -> datetime | None:
    """Return when the calendar's period that runs is over; None of a window that slides."""
    if window is None or isinstance(window, timedelta):
        return None
    start = floor(now, Interval(window), calendar.zone, calendar.week_start)
    return steps(start, 1, Interval(window), calendar.zone)
