"""How often people were there."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import EventFilter, Frame
from opsloop_metrics.insights.persons import Person, Portion, list_persons
from opsloop_metrics.stickiness import queries, rules


async def answer(session: AsyncSession, frame: Frame, wanted: EventFilter) -> rules.Stickiness:
    """Return in how many intervals people did what is wanted; raises TooHeavy, StoreUnavailable."""
    frame, bind = frame.aligned(), Binding()
    periods = len(frame.edges) - 1
    found = await ask(session, frame, queries.times(frame, bind, wanted, count=periods), bind)
    return rules.stickiness_of(periods, [(times, people) for times, people in found.rows])


async def people(
    session: AsyncSession, frame: Frame, wanted: EventFilter, portion: Portion, *, times: int
) -> list[Person]:
    """Return those who did what is wanted in exactly so many intervals; raises Invalid, TooHeavy, StoreUnavailable."""
    frame, bind = frame.aligned(), Binding()
    periods = len(frame.edges) - 1
    rules.require_times(times, periods)
    persons = queries.people(frame, bind, wanted, count=periods, times=times)
    return await list_persons(session, frame, persons, bind, portion, since=frame.start, until=frame.end)
