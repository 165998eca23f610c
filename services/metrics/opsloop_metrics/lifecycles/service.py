"""What people are in each interval."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import EventFilter, Frame
from opsloop_metrics.insights.persons import Person, Portion, list_persons, require_number
from opsloop_metrics.lifecycles import queries, rules


async def answer(session: AsyncSession, frame: Frame, wanted: EventFilter) -> rules.Lifecycle:
    """Return who is new, came back or stayed away of those who do what is wanted; raises TooHeavy, StoreUnavailable."""
    frame, bind = frame.aligned(), Binding()
    intervals = frame.labels
    found = await ask(session, frame, queries.activity(frame, bind, wanted, count=len(intervals)), bind)
    rows = [(place, is_new, is_returning, people) for place, is_new, is_returning, people in found.rows]
    return rules.lifecycle_of(intervals, rows, incomplete_from=frame.incomplete_from)


async def people(
    session: AsyncSession, frame: Frame, wanted: EventFilter, portion: Portion, *, interval: int, status: rules.Status
) -> list[Person]:
    """Return those who are something in one of the intervals; raises Invalid, TooHeavy, StoreUnavailable."""
    frame, bind = frame.aligned(), Binding()
    count = len(frame.labels)
    require_number("/interval", interval, count, what="an interval")
    # the interval before the first has place 0
    persons = queries.people(frame, bind, wanted, count=count, place=interval + 1, status=status)
    return await list_persons(session, frame, persons, bind, portion, since=frame.before(1), until=frame.end)
