"""SQL of lifecycles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from opsloop_metrics.insights.events import Binding, from_events, matches, person_of
from opsloop_metrics.insights.periods import EventFilter, Frame, interval_sql
from opsloop_metrics.insights.presence import presence

_EVER = datetime(1900, 1, 1, tzinfo=UTC)
_LONG_AGO = -2
"""A place that is before all others, and not next to one."""


def activity(frame: Frame, bind: Binding, wanted: EventFilter, *, count: int) -> str:
    """Return SQL for rows of a place (0: the interval before the first), is new, is returning, and how many people.

    First seen somebody is with any message, whatever the filters say: what another service tells of them is none of theirs.
    """
    since = frame.before(1)
    source = from_events(frame, bind, since=since, conditions=[matches(wanted, bind)])
    there = presence(frame, source, place=interval_sql(frame, "e.time", since), count=count + 1)
    everything = replace(frame, where=(), include_filtered=True)
    ever = from_events(everything, bind, since=_EVER, conditions=["e.kind != 'domain'"])
    seen = f"SELECT {person_of(frame)} AS who, {interval_sql(frame, 'min(e.time)', since)} AS first {ever} GROUP BY who"
    return (
        f"SELECT place, place = first AS is_new, place = earlier + 1 AS is_returning, count() FROM (SELECT places, "
        f"arrayPushFront(arrayPopBack(places), {_LONG_AGO}) AS befores, ifNull(first, {_LONG_AGO}) AS first "
        f"FROM ({there}) AS there LEFT ANY JOIN (SELECT who, toNullable(first) AS first FROM ({seen})) AS seen "
        f"ON there.who = seen.who) ARRAY JOIN places AS place, befores AS earlier GROUP BY place, is_new, is_returning"
    )
