"""Active users: distinct people of trailing calendar days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import ACTIVITY, Event, chosen


def answer(events: list[Event], query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the people of the last day, 7 days and 30 days of each interval."""
    span = span_of(query)
    active: dict[date, set[str]] = {}
    for one in chosen(events, query):
        if one["kind"] in ACTIVITY and one["person"] and one["time"] < span.until:
            active.setdefault(span.calendar.day(one["time"]), set()).add(one["person"])
    tick = timedelta(microseconds=1)
    last_days = [span.calendar.day(min(end, span.until) - tick) for end in span.edges[1:]]
    dau, wau, mau = ([_people(active, day, days) for day in last_days] for days in (1, 7, 30))
    stickiness = [day / month if month else None for day, month in zip(dau, mau, strict=True)]
    return {"intervals": span.labels(), "dau": dau, "wau": wau, "mau": mau, "stickiness": stickiness}


def _people(active: Mapping[date, set[str]], day: date, days: int) -> int:
    return len(set().union(*(active.get(day - timedelta(days=back), set()) for back in range(days))))
