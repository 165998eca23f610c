"""Tables of values as SQL over the event store, of events or of the pages with which sessions began or ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.breakdowns.rules import NONE, Breakdown, Counted, Of, Result, answered, start_before
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, person_of, value_of
from opsloop_metrics.insights.periods import Frame, moved
from opsloop_metrics.sessions.rules import IDLE, MARGIN
from opsloop_metrics.store.port import milliseconds

_ACTIVITY = "e.kind IN ('track', 'page', 'screen')"
_IDLE_MS = IDLE // timedelta(milliseconds=1)
_CHARACTERS = 1_000
"""Of a value: a property may have 900 KiB, and an answer three thousand of them."""


async def find_breakdown(session: AsyncSession, frame: Frame, asked: Breakdown) -> Result:
    """Return the values with the most people; raises Invalid, TooHeavy, StoreUnavailable."""
    asked.require_sound()
    bind = Binding()
    found = await ask(session, frame, _ranked(frame, asked, bind), bind)
    return answered(asked, (Counted(int(place), values, *map(int, numbers)) for place, values, *numbers in found.rows))


def _ranked(frame: Frame, asked: Breakdown, bind: Binding) -> str:
    """Return SQL with the rows of `Counted`: values beyond the limit are one, in which a person counts once."""
    since = start_before(frame) if asked.compare else frame.start
    told = _of_events if asked.of is Of.EVENTS else _of_sessions
    rows, sessions = told(frame, asked, bind, since), ""
    if asked.sessions:
        # a session of one event has one row of values, so that these may be added up; longer ones may have several
        sessions = ", uniqExactIfState((person, began), is_now AND is_session) AS sessions, countIf(is_now AND is_bounce) AS bounces"
        rows += f" UNION ALL {_sessions_with(frame, asked, bind)}" if asked.of is Of.EVENTS else ""
    merged = ", uniqExactIfMerge(sessions), sum(bounces)" if asked.sessions else ""
    counted = (
        "SELECT values, countIf(is_now AND is_event) AS events, uniqExactIfState(person, is_now AND is_event) AS people, "
        "countIf(NOT is_now) AS events_before, uniqExactIfState(person, NOT is_now) AS people_before"
        f"{sessions} FROM ({rows}) GROUP BY values HAVING events > 0"
    )
    rank = "row_number() OVER (ORDER BY finalizeAggregation(people) DESC, events DESC, values)"
    return (
        "SELECT place, any(values), sum(events), uniqExactIfMerge(people), sum(events_before), uniqExactIfMerge(people_before)"
        f"{merged} FROM (SELECT *, toUInt32(least({rank}, {asked.limit + 1})) AS place FROM ({counted})) GROUP BY place WITH ROLLUP"
    )


def _of_events(frame: Frame, asked: Breakdown, bind: Binding, since: datetime) -> str:
    """Return SQL with a row an event: its person, its values, and whether it lies in the range or before."""
    source = from_events(
        frame,
        bind,
        since=since,
        conditions=[matches(asked.counted, bind)],
        with_traits=needs_traits(asked.counted, fields=asked.by),
    )
    is_now = f"e.time >= {bind.time(frame.start)}"
    return (
        f"SELECT {person_of(frame)} AS person, {_values(asked, bind)} AS values, {is_now} AS is_now, true AS is_event, "
        f"false AS is_session, 0 AS began, false AS is_bounce {source}"
    )


def _of_sessions(frame: Frame, asked: Breakdown, bind: Binding, since: datetime) -> str:
    """Return SQL with a row a session that has a page: its person, the first or last page's values, and when it began."""
    source = from_events(
        frame,
        bind,
        since=moved(since, -MARGIN),
        until=moved(frame.end, MARGIN),
        conditions=[_ACTIVITY],
        with_traits=needs_traits(fields=asked.by),
    )
    # pages of one time are put in order by what their messages are called
    events = (
        f"SELECT {person_of(frame)} AS person, toUnixTimestamp64Milli(e.time) AS at, e.kind = 'page' AS is_page, "
        f"if(is_page, concat(e.event, '\\0', e.message_id), '') AS rank, if(is_page, {_values(asked, bind)}, []) AS values {source}"
    )
    people = f"SELECT person, arraySort(groupArray((at, rank, values))) AS seen FROM ({events}) GROUP BY person"
    cut = f"arraySplit((event, pause) -> pause > {_IDLE_MS}, seen, arrayDifference(seen.1))"
    found = "arrayFirst" if asked.of is Of.ENTRIES else "arrayLast"
    pages = f"arrayMap(own -> (own[1].1, {found}(values -> notEmpty(values), own.3), length(own) = 1), {cut})"
    return (
        f"SELECT person, page.2 AS values, page.1 >= {milliseconds(frame.start)} AS is_now, true AS is_event, "
        "true AS is_session, page.1 AS began, page.3 AS is_bounce "
        f"FROM (SELECT person, {pages} AS pages FROM ({people})) ARRAY JOIN pages AS page "
        f"WHERE notEmpty(page.2) AND page.1 >= {milliseconds(since)} AND page.1 < {milliseconds(frame.end)}"
    )


def _sessions_with(frame: Frame, asked: Breakdown, bind: Binding) -> str:
    """Return SQL with a row for each session that begins in the range, and each of the values that its counted events have."""
    start, end = milliseconds(frame.start), milliseconds(frame.end)
    source = from_events(
        frame,
        bind,
        since=moved(frame.start, -MARGIN),
        until=moved(frame.end, MARGIN),
        conditions=[_ACTIVITY],
        with_traits=needs_traits(asked.counted, fields=asked.by),
    )
    events = (
        f"SELECT {person_of(frame)} AS person, toUnixTimestamp64Milli(e.time) AS at, "
        f"if({matches(asked.counted, bind)} AND at < {end}, {_values(asked, bind)}, []) AS values {source}"
    )
    people = (
        f"SELECT person, arraySort(event -> event.1, groupArray((at, values))) AS seen FROM ({events}) GROUP BY person"
    )
    cut = f"arraySplit((event, pause) -> pause > {_IDLE_MS}, seen, arrayDifference(seen.1))"
    own = f"arrayMap(own -> (own[1].1, arrayDistinct(arrayFilter(values -> notEmpty(values), own.2)), length(own) = 1), {cut})"
    began = f"SELECT person, one FROM (SELECT person, {own} AS own FROM ({people})) ARRAY JOIN own AS one"
    return (
        "SELECT person, arrayJoin(one.2) AS values, true AS is_now, false AS is_event, true AS is_session, one.1 AS began, "
        f"one.3 AS is_bounce FROM ({began}) WHERE began >= {start} AND began < {end}"
    )


def _values(asked: Breakdown, bind: Binding) -> str:
    texts = [f"leftUTF8(toString({value_of(field, bind)}), {_CHARACTERS})" for field in asked.by]
    told = ", ".join(f"if(empty({text}), '{NONE}', {text})" for text in texts)
    return f"[{told}]"
