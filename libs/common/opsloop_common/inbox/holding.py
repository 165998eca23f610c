"""Put events aside: those that failed, and those whose stream waits for one that failed.

Whoever parks or redrives an event of a stream first takes the stream's lock for that consumer. Without it an event could be
held behind one that a redrive is finishing at that moment, and wait for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Database
from opsloop_common.faults import fingerprint, reason, storable
from opsloop_common.ids import uuid7
from opsloop_common.inbox.delivery import Delivery
from opsloop_common.inbox.tables import inbox, parked_event

HELD_FINGERPRINT = "held"
UNREADABLE_FINGERPRINT = "unreadable"

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7))").bindparams(bindparam("name"))


async def lock_stream(session: AsyncSession, consumer: str, source: str, stream: str | None) -> None:
    """Wait until no other transaction parks or redrives this stream for this consumer."""
    await session.execute(_LOCK, {"name": f"{consumer}\n{source}\n{stream}"})


async def is_applied(session: AsyncSession, consumer: str, event: Event) -> bool:
    """Say whether the consumer has this event behind it."""
    found = select(inbox.c.event_id).where(inbox.c.consumer == consumer, inbox.c.event_id == event.id)
    return (await session.execute(found)).first() is not None


async def applied_among(database: Database, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
    """Return those events that the consumer has behind it."""
    query = select(inbox.c.event_id).where(inbox.c.consumer == consumer, inbox.c.event_id.in_(ids))
    async with database.transaction() as session:
        return set((await session.execute(query)).scalars())


async def hold(database: Database, consumer: str, delivery: Delivery, event: Event) -> bool | None:
    """Put an event behind the parked ones of its stream.

    Returns True when it is there, False when it was applied before, None when nothing of the stream is parked (any more).
    """
    async with database.transaction() as session:
        await lock_stream(session, consumer, event.service, event.partitionkey)
        if await is_applied(session, consumer, event):
            return False
        ahead = select(parked_event.c.id).where(
            parked_event.c.consumer == consumer,
            parked_event.c.source == event.service,
            parked_event.c.stream == event.partitionkey,
        )
        if (await session.execute(ahead.limit(1))).first() is None:
            return None
        await _insert(
            session, consumer, delivery, event, status="held", fingerprint=HELD_FINGERPRINT, reason="", attempts=0
        )
        return True


async def park(
    database: Database, consumer: str, delivery: Delivery, event: Event, *, error: Exception, attempts: int
) -> bool:
    """Park an event that failed; returns False when it turns out to have been applied after all."""
    async with database.transaction() as session:
        await lock_stream(session, consumer, event.service, event.partitionkey)
        if await is_applied(session, consumer, event):
            return False
        await _insert(
            session,
            consumer,
            delivery,
            event,
            status="failed",
            fingerprint=fingerprint(error),
            reason=reason(error),
            attempts=attempts,
        )
        return True


async def park_unreadable(database: Database, consumer: str, delivery: Delivery) -> None:
    """Park bytes that are not an event; nothing can be held behind them, since they name no stream."""
    async with database.transaction() as session:
        await _insert(
            session,
            consumer,
            delivery,
            None,
            status="failed",
            fingerprint=UNREADABLE_FINGERPRINT,
            reason=delivery.fault,
            attempts=1,
        )


async def _insert(
    session: AsyncSession,
    consumer: str,
    delivery: Delivery,
    event: Event | None,
    *,
    status: str,
    fingerprint: str,
    reason: str,
    attempts: int,
) -> None:
    row: dict[str, object] = {
        "id": uuid7(),
        "consumer": consumer,
        "source": delivery.source,
        "status": status,
        "fingerprint": fingerprint,
        "reason": storable(reason),
        "attempts": attempts,
        "origin": delivery.origin,
        "body": delivery.body.encode() if isinstance(delivery.body, str) else delivery.body,
    }
    if event is not None:
        row |= {
            "source": event.service,
            "stream": event.partitionkey,
            "seq": event.sequence,
            "event_id": event.id,
            "type": event.type,
            "workspace": event.workspace,
        }
    await session.execute(insert(parked_event).values(row).on_conflict_do_nothing())
