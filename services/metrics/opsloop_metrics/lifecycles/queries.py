"""SQL of lifecycles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from opsloop_metrics.insights.events import Binding, from_events, matches, person_of
from opsloop_metrics.insights.periods import EventFilter, Frame, interval_sql
from opsloop_metrics.insights.presence import presence
from opsloop_metrics.lifecycles.rules import Status

_EVER = datetime(1900, 1, 1, tzinfo=UTC)
_LONG_AGO = -2
"""A place that is before all others, and not next to one."""


def activity(frame: Frame, bind: Binding, wanted: EventFilter, *, count: int) -> str:
    """Return SQL for rows of a place (0: the interval before the first), is new, is returning, and how many people."""
    return (
        f"SELECT place, place = first AS is_new, place = earlier + 1 AS is_returning, count() FROM (SELECT places, first, "
        f"arrayPushFront(arrayPopBack(places), {_LONG_AGO}) AS befores FROM ({_known(frame, bind, wanted, count)})) "
        f"ARRAY JOIN places AS place, befores AS earlier GROUP BY place, is_new, is_returning"
    )


def people(frame: Frame, bind: Binding, wanted: EventFilter, *, count: int, place: int, status: Status) -> str:
    """Return SQL with each `person` that has a status in the interval of a place."""
    here, before, is_new = f"has(places, {place})", f"has(places, {place - 1})", f"first = {place}"
    match status:
        case Status.NEW:
            chosen = f"{here} AND {is_new}"
        case Status.RETURNING:
            chosen = f"{here} AND {before}"
        case Status.RESURRECTING:
            chosen = f"{here} AND NOT {before} AND NOT {is_new}"
        case Status.DORMANT:
            chosen = f"{before} AND NOT {here}"
    return f"SELECT person FROM ({_known(frame, bind, wanted, count)}) WHERE {chosen}"


def _known(frame: Frame, bind: Binding, wanted: EventFilter, count: int) -> str:
    """Return SQL for rows of `person`, the `places` where they were active, and that of when they were `first` seen.

    First seen somebody is with any message, whatever the filters say: what another service tells of them is none of theirs.
    """
    since = frame.before(1)
    source = from_events(frame, bind, since=since, conditions=[matches(wanted, bind)])
    there = presence(frame, source, place=interval_sql(frame, "e.time", since), count=count + 1)
    everything = replace(frame, where=(), include_filtered=True)
    ever = from_events(everything, bind, since=_EVER, conditions=["e.kind != 'domain'"])
    seen = f"SELECT {person_of(frame)} AS who, {interval_sql(frame, 'min(e.time)', since)} AS first {ever} GROUP BY who"
    return (
        f"SELECT there.who AS person, places, ifNull(first, {_LONG_AGO}) AS first FROM ({there}) AS there "
        f"LEFT ANY JOIN (SELECT who, toNullable(first) AS first FROM ({seen})) AS seen ON there.who = seen.who"
    )
