"""What is read of the event log. The workspace stands in each condition so that the index is used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import Row, Select, case, func, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.catalogue import INTERNAL
from opsloop_common.db import context_of
from opsloop_common.limits import LIST_CHARACTERS
from opsloop_notifications.eventlog.models import EventLogCounter, LoggedEvent

Ts = TypeVarTuple("Ts")


async def events_after(
    session: AsyncSession,
    position: int,
    *,
    types: Sequence[str],
    prefixes: Sequence[str],
    limit: int,
    characters: int | None = None,
) -> Sequence[Row[int, int, int | None, str | None, str | None]]:
    """Return (last, forgotten, position, type, document) of the events after `position`, oldest first, all in one snapshot.

    A document beyond so many characters (`LIST_CHARACTERS`) is None: the page ends before it. No types and no prefixes mean all. The
    counter's two come with every row, and with one row of nulls when there are no such events; nothing at all before the first
    event. Everything up to `last` is readable, except what is forgotten.
    """
    workspace = context_of(session).workspace
    wanted = (
        select(LoggedEvent.position, LoggedEvent.type, LoggedEvent.document)
        .where(LoggedEvent.workspace == workspace, LoggedEvent.position > position)
        .order_by(LoggedEvent.position)
        .limit(limit)
    )
    wanted_rows = _of_types(wanted, types, prefixes).subquery()
    size = func.length(wanted_rows.c.document)
    before = func.sum(size).over(order_by=wanted_rows.c.position) - size
    document = case((before < (characters or LIST_CHARACTERS), wanted_rows.c.document))
    found = select(wanted_rows.c.position, wanted_rows.c.type, document.label("document")).subquery()
    statement = (
        select(EventLogCounter.last, EventLogCounter.forgotten, found.c.position, found.c.type, found.c.document)
        .outerjoin(found, true())
        .where(EventLogCounter.workspace == workspace)
        .order_by(found.c.position)
    )
    return (await session.execute(statement)).all()


async def find_document(session: AsyncSession, event_id: UUID) -> str | None:
    """Return the document of one event of the session's workspace, None when it is not there."""
    own = LoggedEvent.workspace == context_of(session).workspace
    return await session.scalar(select(LoggedEvent.document).where(own, LoggedEvent.event_id == event_id))


async def position_before(session: AsyncSession, *, newest: int, types: Sequence[str], prefixes: Sequence[str]) -> int:
    """Return the position before the `newest` last events of these types; with 0, that of the last event there is."""
    workspace = context_of(session).workspace
    if not newest:
        last = select(EventLogCounter.last).where(EventLogCounter.workspace == workspace)
        return await session.scalar(last) or 0
    wanted = select(LoggedEvent.position).where(LoggedEvent.workspace == workspace)
    wanted = _of_types(wanted, types, prefixes).order_by(LoggedEvent.position.desc()).limit(newest)
    first = await session.scalar(select(func.min(wanted.subquery().c.position)))
    return await position_before(session, newest=0, types=types, prefixes=prefixes) if first is None else first - 1


def _of_types(wanted: Select[*Ts], types: Sequence[str], prefixes: Sequence[str]) -> Select[*Ts]:
    wanted = wanted.where(LoggedEvent.type.not_in(INTERNAL))  # earlier releases kept them too
    if not types and not prefixes:
        return wanted
    begins = (LoggedEvent.type.startswith(prefix, autoescape=True) for prefix in prefixes)
    return wanted.where(or_(LoggedEvent.type.in_(types), *begins))


async def received_since(
    session: AsyncSession, since: datetime, *, after: int, limit: int
) -> Sequence[Row[int, UUID, str, str]]:
    """Return (position, event_id, type, document) of events received at or after `since`, past position `after`.

    They stay in the log until the transaction ends, so that what it plans for them finds its document.
    """
    statement = (
        select(LoggedEvent.position, LoggedEvent.event_id, LoggedEvent.type, LoggedEvent.document)
        .where(
            LoggedEvent.workspace == context_of(session).workspace,
            LoggedEvent.position > after,
            LoggedEvent.received_at >= since,
        )
        .order_by(LoggedEvent.position)
        .limit(limit)
        .with_for_update(read=True, key_share=True)
    )
    return (await session.execute(statement)).all()


# the first rows only: what is old is at the front, and nothing says where it ends
_LOCK_OLDER = text(
    "SELECT position FROM event_log WHERE workspace = :workspace AND position <= (SELECT max(position) FROM ("
    "SELECT position, received_at FROM event_log WHERE workspace = :workspace ORDER BY position LIMIT :limit) AS oldest "
    "WHERE received_at < :before) ORDER BY position FOR UPDATE"
)


async def lock_older(session: AsyncSession, before: datetime, *, limit: int) -> Sequence[int]:
    """Lock up to `limit` of the session's workspace's oldest events, received before a time; returns their positions in order."""
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    return (await session.scalars(_LOCK_OLDER, given)).all()
