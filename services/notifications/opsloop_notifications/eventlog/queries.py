"""What is read of the event log. The workspace stands in each condition so that the index is used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_notifications.eventlog.models import EventLogCounter, LoggedEvent


async def last_position(session: AsyncSession) -> int:
    """Return the last position given in the session's workspace, 0 before the first. Everything up to it is readable."""
    workspace = context_of(session).workspace
    found = await session.scalar(select(EventLogCounter.last).where(EventLogCounter.workspace == workspace))
    return found or 0


async def events_after(
    session: AsyncSession, position: int, *, types: Sequence[str], prefixes: Sequence[str], limit: int
) -> Sequence[Row[int, str]]:
    """Return (position, document) of the events after `position`, oldest first; no types and no prefixes mean all."""
    statement = (
        select(LoggedEvent.position, LoggedEvent.document)
        .where(LoggedEvent.workspace == context_of(session).workspace, LoggedEvent.position > position)
        .order_by(LoggedEvent.position)
        .limit(limit)
    )
    if types or prefixes:
        statement = statement.where(
            or_(
                LoggedEvent.type.in_(types),
                *(LoggedEvent.type.startswith(prefix, autoescape=True) for prefix in prefixes),
            )
        )
    return (await session.execute(statement)).all()


async def received_since(
    session: AsyncSession, since: datetime, *, after: int, limit: int
) -> Sequence[Row[int, UUID, str, str]]:
    """Return (position, event_id, type, document) of events received at or after `since`, past position `after`."""
    statement = (
        select(LoggedEvent.position, LoggedEvent.event_id, LoggedEvent.type, LoggedEvent.document)
        .where(
            LoggedEvent.workspace == context_of(session).workspace,
            LoggedEvent.position > after,
            LoggedEvent.received_at >= since,
        )
        .order_by(LoggedEvent.position)
        .limit(limit)
    )
    return (await session.execute(statement)).all()
