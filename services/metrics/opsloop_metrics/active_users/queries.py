"""SQL of active users."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from opsloop_metrics.insights.events import Binding, from_events, matches, person_of
from opsloop_metrics.insights.periods import EventFilter, Frame, Interval, interval_sql, midnight
from opsloop_metrics.insights.presence import presence


def days(frame: Frame, bind: Binding, *, first: date, count: int, most: int) -> str:
    """Return SQL for rows of a day (counted from `first`), after how many days people were active again (at most `most`), people."""
    since = midnight(first, frame.zone)
    source = from_events(frame, bind, since=since, conditions=[matches(EventFilter(), bind)])
    day = interval_sql(replace(frame, interval=Interval.DAY), "e.time", since)
    there = presence(frame, source, place=day, count=count)
    return (
        f"SELECT day, least(next - day, {most}) AS gap, count() FROM (SELECT places, "
        f"arrayPushBack(arrayPopFront(places), {count + most}) AS nexts FROM ({there})) "
        f"ARRAY JOIN places AS day, nexts AS next GROUP BY day, gap"
    )


def people(frame: Frame, bind: Binding, *, since: datetime, until: datetime) -> str:
    """Return SQL with the `person` of each activity of a time."""
    source = from_events(frame, bind, since=since, until=until, conditions=[matches(EventFilter(), bind)])
    return f"SELECT {person_of(frame)} AS person {source}"
