"""Sessions as SQL over the event store: the times of a person's events are an array, cut where nothing happened for too long."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, person_of
from opsloop_metrics.insights.periods import Frame, interval_sql, moved
from opsloop_metrics.insights.persons import Person, Portion, list_persons, require_number
from opsloop_metrics.sessions.rules import IDLE, MARGIN, Counted, Result, answered
from opsloop_metrics.store.port import milliseconds

_IDLE_MS = IDLE // timedelta(milliseconds=1)
_ACTIVITY = "e.kind IN ('track', 'page', 'screen')"


async def find_sessions(session: AsyncSession, frame: Frame) -> Result:
    """Return how many sessions there were, and how they were; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    found = await ask(session, frame, _counted(frame, bind), bind)
    counted = (
        Counted(place, int(count), seconds, int(bounces), int(people))
        for place, count, seconds, bounces, people in found.rows
    )
    return answered(frame.edges[:-1], counted, incomplete_from=frame.incomplete_from)


async def find_people(
    session: AsyncSession, frame: Frame, portion: Portion, *, interval: int | None, bounced: bool
) -> list[Person]:
    """Return whose sessions began in an interval (None: in one of them), or only those of one event.

    Raises Invalid, TooHeavy, StoreUnavailable.
    """
    bind, edges = Binding(), frame.edges
    if interval is not None:
        require_number("/interval", interval, len(edges) - 1, what="an interval")
        since, until = edges[interval], min(edges[interval + 1], frame.end)
    else:
        since, until = edges[0], frame.end
    persons = f"SELECT person FROM ({_sessions(frame, bind, since, until)}){' WHERE events = 1' * bounced}"
    # what else they did in these sessions may be of the next interval
    return await list_persons(session, frame, persons, bind, portion, since=since, until=moved(until, MARGIN))


def _counted(frame: Frame, bind: Binding) -> str:
    """Return SQL with the rows of `Counted`."""
    first = frame.edges[0]
    place = interval_sql(frame, "fromUnixTimestamp64Milli(began, 'UTC')")
    return (
        f"SELECT {place} AS place, count(), avg((ended - began) / 1000), countIf(events = 1), uniqExact(person) "
        f"FROM ({_sessions(frame, bind, first, frame.end)}) GROUP BY place"
    )


def _sessions(frame: Frame, bind: Binding, first: datetime, end: datetime) -> str:
    """Return SQL with `person`, `began`, `ended`, `events` of the sessions that begin in a time."""
    read = from_events(frame, bind, since=moved(first, -MARGIN), until=moved(end, MARGIN), conditions=[_ACTIVITY])
    people = f"SELECT {person_of(frame)} AS person, arraySort(groupArray(toUnixTimestamp64Milli(e.time))) AS times {read} GROUP BY person"
    cut = f"arraySplit((time, pause) -> pause > {_IDLE_MS}, times, arrayDifference(times))"
    # whatever stands beside an array that is joined is copied for each of its items: only the person does
    own = f"SELECT person, arrayMap(own -> (own[1], own[-1], length(own)), {cut}) AS own FROM ({people})"
    sessions = f"SELECT person, one.1 AS began, one.2 AS ended, one.3 AS events FROM ({own}) ARRAY JOIN own AS one"
    return f"SELECT * FROM ({sessions}) WHERE began >= {milliseconds(first)} AND began < {milliseconds(end)}"
