"""Which mutes and maintenance windows there may be, when one that repeats begins again, and where one lies: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import chain
from zoneinfo import ZoneInfo

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.insights.periods import LAST_YEAR

MOST_MUTED = timedelta(days=30)
MOST_WINDOW = timedelta(days=31)
MOST_REPEATED = timedelta(days=1)
DAY = timedelta(days=1)
_AHEAD = timedelta(days=15)
"""One that repeats comes again within a week, or where a change of clocks takes that time away, within two."""


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


_WEEK = list(Weekday)
Occurrence = tuple[datetime, datetime]


class WindowState(StrEnum):
    """Where a maintenance window lies: it is active from its start until just before its end, past when it comes no more."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    PAST = "past"


def require_ahead(until: datetime, now: datetime) -> None:
    """Raise Invalid for a mute that is over already, or lasts longer than anybody remembers."""
    if not timedelta() < until - now <= MOST_MUTED:
        raise Invalid("/until", f"has to lie ahead, by at most {MOST_MUTED.days} days")


@dataclass(frozen=True)
class Times:
    """When a window lasts: once, and then on each of some days of the week, as the clock on the wall has it, until a last one.

    The first time is as it is given. A time that clocks skip is not; one that they have twice lasts as long.
    """

    starts_at: datetime
    ends_at: datetime
    repeats_on: Sequence[str] = ()
    last_day: date | None = None

    def touching(self, start: datetime, end: datetime, zone: str) -> list[Occurrence]:
        """Return the times that touch `[start, end)`, in their order."""
        again = self._again(start, end, ZoneInfo(zone)) if self.repeats_on else ()
        return [each for each in chain([(self.starts_at, self.ends_at)], again) if each[0] < end and each[1] > start]

    def _again(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Occurrence]:
        begins, ends = self.starts_at.astimezone(zone), self.ends_at.astimezone(zone)
        length = ends.date() - begins.date()
        last = min(end.astimezone(zone).date(), self.last_day or date(LAST_YEAR, 12, 31))
        day = max(begins.date() + DAY, start.astimezone(zone).date() - length)
        while day <= last:
            if _WEEK[day.weekday()] in self.repeats_on:
                found = _moment(day, begins.time(), zone), _moment(day + length, ends.time(), zone)
                if found[0] < found[1]:
                    yield found
            day += DAY

    def now_or_next(self, now: datetime, zone: str) -> Occurrence | None:
        """Return when it lasts now, else when next; None: it is over for good."""
        if now < self.starts_at:
            return self.starts_at, self.ends_at
        return next(iter(self.touching(now, now + _AHEAD, zone)), None)

    def state(self, now: datetime, zone: str) -> WindowState:
        """Return where it lies."""
        found = self.now_or_next(now, zone)
        if found is None:
            return WindowState.PAST
        return WindowState.ACTIVE if found[0] <= now else WindowState.UPCOMING


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


def require_times(times: Times, zone: str) -> None:
    """Raise Invalid for a window that ends before it starts, lasts too long, or whose last day says nothing."""
    if not timedelta() < times.ends_at - times.starts_at <= MOST_WINDOW:
        raise Invalid("/ends_at", f"has to be after starts_at, by at most {MOST_WINDOW.days} days")
    if times.repeats_on and times.ends_at - times.starts_at > MOST_REPEATED:
        raise Invalid("/ends_at", "one that repeats lasts a day at most")
    if times.last_day is None:
        return
    if not times.repeats_on:
        raise Invalid("/last_day", "only one that repeats has it: say repeats_on too, or leave it out")
    if times.last_day < times.starts_at.astimezone(ZoneInfo(zone)).date():
        raise Invalid("/last_day", "is before it starts")


def require_known(keys: Sequence[str], known: Iterable[str]) -> None:
    """Raise Invalid with each of the keys that names no KPI."""
    there = set(known)
    if missing := [place for place, key in enumerate(keys) if key not in there]:
        raise Invalid.each(FieldError(f"/kpis/{place}", "names no KPI") for place in missing)
