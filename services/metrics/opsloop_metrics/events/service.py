"""Keep domain events, and answer what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.db import clock_of, settings_of
from opsloop_metrics.events import dividing, queries
from opsloop_metrics.events.rules import Part, Reading, Selection, Told, unlisted, user_of
from opsloop_metrics.people import service as people
from opsloop_metrics.settings import MetricsSettings


async def record(session: AsyncSession, events: Sequence[Event]) -> None:
    """Store events of the session's workspace; storing one twice is the same as once.

    Nothing is kept of people who were erased, however late it comes, nor what says who they were.
    """
    events = [unlisted(event) for event in events if event.type != UserErased.type]
    named = {user_id for event in events if (user_id := user_of(event)) is not None}
    erased = await people.erased_among(session, named)
    await queries.insert_events(
        session, [event for event in events if user_of(event) not in erased], clock_of(session).now()
    )


def kept_from(session: AsyncSession) -> datetime:
    """Return the time from which on all events are kept: what began before it cannot be counted."""
    return clock_of(session).now() - settings_of(session, MetricsSettings).events_kept


async def read(
    session: AsyncSession, selections: Sequence[Selection], *, start: datetime, now: datetime, last_seen: bool = False
) -> list[Reading]:
    """Return what each selection comes to in the window `(start, now]`, seen in one snapshot.

    `last_seen` also looks for the newest sample at any time before `now`, which may have to search far back.
    """
    return await queries.read(session, selections, start=start, now=now, last_seen=last_seen)


async def find_nth_at(session: AsyncSession, type: str, nth: int, *, start: datetime, end: datetime) -> datetime | None:
    """Return when the nth event of a type in `(start, end]` was, the oldest being the first; None of fewer."""
    return await queries.find_nth_at(session, type, nth, start=start, end=end)


async def series(
    session: AsyncSession, selections: Sequence[Selection], *, edges: Sequence[datetime]
) -> list[list[tuple[float | None, int]]]:
    """Return for each selection (value, samples) of every interval `[edges[i], edges[i + 1])`."""
    return await queries.series(session, selections, edges=edges)


MOST_VALUES = dividing.VALUES


async def divided(
    session: AsyncSession,
    selection: Selection,
    fields: Sequence[str],
    *,
    before: tuple[datetime, datetime],
    after: tuple[datetime, datetime],
    above: float = 0.0,
) -> list[Part]:
    """Return what a selection comes to in `[start, end)` of two times, by the fields' values: the `MOST_VALUES` most frequent each.

    Of a median and a p95 that is how many numbers are `above` one, of how many.
    """
    return await dividing.divided(session, selection, fields, before=before, after=after, above=above)


async def some_unfed(session: AsyncSession, *, limit: int) -> list[Told]:
    """Return up to `limit` of the workspace's events that `mark_fed` has not been told of."""
    return await queries.some_unfed(session, limit=limit)


async def mark_fed(session: AsyncSession, event_ids: Sequence[UUID]) -> None:
    """Note that events are in the store of product events."""
    await queries.mark_fed(session, event_ids)


async def types(session: AsyncSession) -> Sequence[str]:
    """Return the types of the session's workspace's events."""
    return await queries.types(session)


async def forget_people(session: AsyncSession, user_ids: Sequence[str], *, limit: int) -> int:
    """Delete up to `limit` events about some people; returns how many."""
    return await queries.forget_people(session, user_ids, limit=limit)


async def forget(session: AsyncSession, type: str, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` events of one type that happened before a time; returns how many."""
    return await queries.forget(session, type, before, limit=limit)
