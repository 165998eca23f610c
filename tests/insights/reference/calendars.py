"""Days, weeks and months of a time zone as instants in UTC."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """A zone with its week start: 0 is Monday, 6 Sunday."""

    zone: ZoneInfo
    first_weekday: int

    def day(self, instant: datetime) -> date:
        """Return the local date."""
        return instant.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """Return the first instant of a local day: where the clock skips midnight, the end of the gap."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def start(self, instant: datetime, interval: str) -> datetime:
        """Return the start of the interval that an instant lies in."""
        if interval == "hour":
            local = instant.astimezone(self.zone)
            into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
            return instant.astimezone(UTC) - into
        day = self.day(instant)
        match interval:
            case "week":
                day -= timedelta(days=(day.weekday() - self.first_weekday) % 7)
            case "month":
                day = day.replace(day=1)
        return self.midnight(day)

    def next(self, start: datetime, interval: str) -> datetime:
        """Return the start of the interval after the one that begins at `start`."""
        if interval == "hour":
            return start + HOUR
        day = self.day(start)
        match interval:
            case "day":
                day += DAY
            case "week":
                day += timedelta(days=7)
            case "month":
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return self.midnight(day)

    def before(self, start: datetime, interval: str) -> datetime:
        """Return the start of the interval before the one that begins at `start`."""
        return self.start(start - timedelta(microseconds=1), interval)


@dataclass(frozen=True)
class Span:
    """What a query asks about: `edges` are the starts of its intervals and the end of the last one."""

    calendar: Calendar
    interval: str
    since: datetime
    until: datetime
    edges: list[datetime]

    @property
    def count(self) -> int:
        """Return how many intervals there are."""
        return len(self.edges) - 1

    @property
    def first(self) -> datetime:
        """Return `from`, moved back to the start of its interval."""
        return self.edges[0]

    def place(self, instant: datetime) -> int | None:
        """Return the index of the interval that an instant counts in, None outside of the range."""
        return bisect_right(self.edges, instant) - 1 if self.first <= instant < self.until else None

    def labels(self) -> list[str]:
        """Return how the intervals are told."""
        return [iso(edge) for edge in self.edges[:-1]]

    def incomplete_from(self, now: datetime) -> int | None:
        """Return the index of the first interval that ends after now or after the range."""
        return next((place for place, end in enumerate(self.edges[1:]) if end > min(now, self.until)), None)

    def further(self, count: int) -> list[datetime]:
        """Return the edges with those of `count` more intervals."""
        edges = list(self.edges)
        for _ in range(count):
            edges.append(self.calendar.next(edges[-1], self.interval))
        return edges


def iso(instant: datetime) -> str:
    """Return an instant as answers tell it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def calendar_of(query: Mapping[str, Any]) -> Calendar:
    """Return the calendar of a query."""
    return Calendar(ZoneInfo(query.get("time_zone") or "UTC"), 6 if query.get("week_start") == "sunday" else 0)


def span_of(query: Mapping[str, Any]) -> Span:
    """Return the range of a query with its intervals."""
    calendar, interval = calendar_of(query), query.get("interval") or "day"
    since, until = _bound(calendar, query["from"], 0), _bound(calendar, query["to"], 1)
    edges = [calendar.start(since, interval)]
    while edges[-1] < until:
        edges.append(calendar.next(edges[-1], interval))
    return Span(calendar, interval, since, until, edges)


def _bound(calendar: Calendar, given: str, further_days: int) -> datetime:
    if len(given) == len("2026-01-01"):
        return calendar.midnight(date.fromisoformat(given) + timedelta(days=further_days))
    return datetime.fromisoformat(given).astimezone(UTC)
