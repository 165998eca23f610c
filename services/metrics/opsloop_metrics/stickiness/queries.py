"""SQL of stickiness."""

from __future__ import annotations

from opsloop_metrics.insights.events import Binding, from_events, matches
from opsloop_metrics.insights.periods import EventFilter, Frame, interval_sql
from opsloop_metrics.insights.presence import presence


def times(frame: Frame, bind: Binding, wanted: EventFilter, *, count: int) -> str:
    """Return SQL for pairs: in how many intervals, how many people."""
    source = from_events(frame, bind, conditions=[matches(wanted, bind)])
    there = presence(frame, source, place=interval_sql(frame, "e.time"), count=count)
    return f"SELECT length(places) AS times, count() FROM ({there}) GROUP BY times"
