"""What a competitor's series is, when it changed, and how it compares with ours: pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.series_files.rules import MOST_ERRORS, POINTER, Point

MOST_POINTS_AT_ONCE = 1_000
MOST_DAYS = 366
PULLED_AT_ONCE = 8
PULLED_BYTES = 256 * 1024
LEAST_EVERY, MOST_EVERY = timedelta(hours=1), timedelta(days=31)
TRIED_AGAIN = timedelta(hours=1)
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Compared:
    """Both numbers of one day, and both with the first day that has both as 100."""

    ours: float | None
    theirs: float | None
    ours_index: float | None
    theirs_index: float | None


def require_source(source: Mapping[str, Any], every: timedelta) -> None:
    """Raise Invalid where a source does not say what its format needs."""
    if source["format"] == "json":
        if source["pointer"] is None:
            raise Invalid("/source/pointer", "say where the number is, such as /data/0/value")
        for name in ("pointer", "at_pointer"):
            if source[name] is not None and not POINTER.fullmatch(source[name]):
                raise Invalid(f"/source/{name}", "must be a JSON pointer, such as /data/0/value")
    elif source["column"] is None:
        raise Invalid("/source/column", "say in which column the number is")
    others = ("column", "at_column") if source["format"] == "json" else ("pointer", "at_pointer")
    for name in others:
        if source[name] is not None:
            raise Invalid(f"/source/{name}", f"is nothing that {source['format']} has")
    if not LEAST_EVERY <= every <= MOST_EVERY:
        raise Invalid("/source/every", "is at least an hour and at most 31 days")


def require_points(points: Sequence[Point], now: datetime, pointer: Callable[[int], str]) -> None:
    """Raise Invalid for points of one time, and for one further ahead than clocks differ; `pointer` says where a place's time stands."""
    times = Counter(point.at for point in points)
    errors = [
        FieldError(pointer(place), "is said twice" if times[point.at] > 1 else "is ahead of the server's clock")
        for place, point in enumerate(points)
        if times[point.at] > 1 or point.at > now + CLOCK_SKEW
    ]
    if errors:
        raise Invalid.each(errors[:MOST_ERRORS])


def change(previous: float, value: float) -> float | None:
    """Return (value - previous) / |previous|, 0.2 for a fifth more; null where that is no number."""
    if not previous:
        return None
    found = value / abs(previous) - previous / abs(previous)
    return found if math.isfinite(found) else None


def is_news(previous: float, value: float, least: float) -> bool:
    """Say whether a change is one to tell of: as large as `least`, or from nothing to something."""
    if value == previous:
        return False
    found = change(previous, value)
    return found is None or round(abs(found), 9) >= least


def next_pull(every: timedelta, now: datetime, *, failed: bool) -> datetime:
    """Return when to ask again: after a failure within an hour."""
    return now + (min(every, TRIED_AGAIN) if failed else every)


def compare(ours: Sequence[float | None], theirs: Sequence[float | None]) -> tuple[int | None, list[Compared]]:
    """Return the first place at which both have a number that is not 0 (null: none), and all days measured by it."""
    pairs = list(zip(ours, theirs, strict=True))
    base = next((place for place, (own, their) in enumerate(pairs) if own and their), None)
    own_base, their_base = (None, None) if base is None else pairs[base]
    return base, [Compared(own, their, _index(own, own_base), _index(their, their_base)) for own, their in pairs]


def _index(value: float | None, base: float | None) -> float | None:
    if value is None or base is None:
        return None
    found = value / base * 100
    return found if math.isfinite(found) else None


def require_daily(kpi: Definition) -> None:
    """Raise Invalid for a KPI of which one value is kept for longer than a day."""
    if kpi.measure.is_asked and kpi.period is not Period.DAY:
        raise Invalid("/query/kpi", f"has one value for each {kpi.period}; days are compared")


def day_of(now: datetime, zone: str) -> date:
    """Return the day that it is in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def days_between(first: date | None, last: date | None, *, today: date) -> list[date]:
    """Return the days to compare, without any said the last 90 up to today; raises Invalid."""
    last = last or (today if first is None else max(first, today))
    first = first or last - timedelta(days=89)
    if last < first:
        raise Invalid("/query/to", "is before from")
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise Invalid("/query/to", f"makes {count} days; {MOST_DAYS} fit one answer")
    return [first + timedelta(days=place) for place in range(count)]
