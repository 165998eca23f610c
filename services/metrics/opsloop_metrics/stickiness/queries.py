"""SQL of stickiness."""

from __future__ import annotations

from opsloop_metrics.insights.events import Binding, from_events, matches
from opsloop_metrics.insights.periods import EventFilter, Frame, interval_sql
from opsloop_metrics.insights.presence import presence


def times(frame: Frame, bind: Binding, wanted: EventFilter, *, count: int) -> str:
    """Return SQL for pairs: in how many intervals, how many people."""
    return f"SELECT length(places) AS times, count() FROM ({_there(frame, bind, wanted, count)}) GROUP BY times"


def people(frame: Frame, bind: Binding, wanted: EventFilter, *, count: int, times: int) -> str:
    """Return SQL with each `person` that was there in exactly so many of the intervals."""
    return f"SELECT who AS person FROM ({_there(frame, bind, wanted, count)}) WHERE length(places) = {times}"


def _there(frame: Frame, bind: Binding, wanted: EventFilter, count: int) -> str:
    source = from_events(frame, bind, conditions=[matches(wanted, bind)])
    return presence(frame, source, place=interval_sql(frame, "e.time"), count=count)
