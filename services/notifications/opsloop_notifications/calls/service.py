"""Queue calls, claim them, and write down what came of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of, fire_after_commit
from opsloop_common.due.claims import claim_batch, enter_queues
from opsloop_common.due.port import Ask
from opsloop_common.ids import uuid7
from opsloop_notifications.calls.models import CallAttempt as CallAttempt
from opsloop_notifications.calls.models import CallQueue
from opsloop_notifications.calls.queries import OLDEST_FIRST as OLDEST_FIRST
from opsloop_notifications.calls.queries import attempts_of as attempts_of
from opsloop_notifications.calls.queries import ended_by_id as ended_by_id
from opsloop_notifications.calls.queries import waiting as waiting

QUEUE_TABLE = CallQueue.__tablename__
_RESUME = text(
    "UPDATE call_queue SET is_paused = false, due_at = greatest(CAST(:now AS timestamptz), not_before) "
    "WHERE workspace = :workspace AND message_id = :message AND is_paused"
)
# one that is being called right now is let go; where nothing comes of it, it waits with the others
_PAUSE = text(
    "UPDATE call_queue SET is_paused = true, due_at = NULL "
    "WHERE workspace = :workspace AND message_id = :message AND due_at IS NOT NULL AND NOT is_paused"
)
_RECORD = text(
    "WITH r AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:nexts AS timestamptz[]), CAST(:tries AS integer[]), "
    "CAST(:details AS text[])) AS r(id, next_at, tries, detail)), "
    "gone AS (DELETE FROM call_queue AS q USING r WHERE q.id = r.id AND q.owner = :owner AND r.next_at IS NULL RETURNING q.id), "
    "later AS (UPDATE call_queue AS q SET due_at = CASE WHEN q.is_paused THEN NULL ELSE r.next_at END, "
    "tries = q.tries + r.tries, owner = NULL, claimed_at = NULL, last_error = r.detail "
    "FROM r WHERE q.id = r.id AND q.owner = :owner AND r.next_at IS NOT NULL RETURNING q.id) "
    "SELECT id FROM gone UNION ALL SELECT id FROM later"
)


class Waiting(NamedTuple):
    """A notification that is to be said by a call, not before a time if the person is left alone until then."""

    id: UUID
    message_id: UUID
    channel_id: UUID | None
    not_before: datetime | None
    priority: int = 0


@dataclass(frozen=True)
class Attempt:
    """One call, and what came of it."""

    notification_id: UUID
    workspace: str
    channel_id: UUID
    contact_id: UUID | None
    attempted_at: datetime
    duration_ms: int
    outcome: str
    status_code: int | None
    failure: str | None
    detail: str | None
    provider_id: str | None


class Tried(NamedTuple):
    """What came of a claimed notification: over (`next_at` None), or to be tried again. `is_try` False: it only waited."""

    id: UUID
    next_at: datetime | None
    is_try: bool
    detail: str | None
    attempts: Sequence[Attempt]


async def enqueue(session: AsyncSession, rows: Sequence[Waiting], *, is_paused: bool) -> None:
    """Have notifications said by calls from now on."""
    if not rows:
        return
    workspace, now = context_of(session).workspace, clock_of(session).now()
    values = [
        {
            "id": row.id,
            "workspace": workspace,
            "message_id": row.message_id,
            "group_key": workspace if row.channel_id is None else str(row.channel_id),
            "not_before": row.not_before,
            "due_at": None if is_paused else row.not_before or now,
            "tries": 0,
            "priority": row.priority,
            "is_paused": is_paused,
        }
        for row in rows
    ]
    await session.execute(insert(CallQueue), values)
    fire_after_commit(session, QUEUE_TABLE)


async def cancel(session: AsyncSession, message_id: UUID) -> list[UUID]:
    """Take back what waits of a message and is not being called; returns which notifications.

    What is being called stays locked until the transaction ends, so that whoever records it sees what that says.
    """
    own = (CallQueue.workspace == context_of(session).workspace, CallQueue.message_id == message_id)
    await session.execute(select(CallQueue.id).where(*own).order_by(CallQueue.id).with_for_update())
    return list(await session.scalars(delete(CallQueue).where(*own, CallQueue.owner.is_(None)).returning(CallQueue.id)))


async def pause(session: AsyncSession, message_id: UUID) -> None:
    """Have what waits of a message wait until it is resumed."""
    await session.execute(_PAUSE, {"workspace": context_of(session).workspace, "message": message_id})


async def resume(session: AsyncSession, message_id: UUID) -> None:
    """Have what waits of a message go on."""
    given = {"workspace": context_of(session).workspace, "message": message_id, "now": clock_of(session).now()}
    await session.execute(_RESUME, given)
    fire_after_commit(session, QUEUE_TABLE)


async def drop(session: AsyncSession, ids: Sequence[UUID]) -> None:
    """Forget notifications that are no more; what is being called finds no claim."""
    own = CallQueue.workspace == context_of(session).workspace
    await session.execute(delete(CallQueue).where(own, CallQueue.id.in_(ids)))


async def withdraw(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Take notifications that were just recorded out of the queue, for a session that entered as a worker."""
    if ids:
        await session.execute(delete(CallQueue).where(CallQueue.id.in_(ids)))


async def claim(session: AsyncSession, ask: Ask, *, per_channel: int) -> Sequence[CallQueue]:
    """Claim what is due, workspaces and their channels in turn."""
    return await claim_batch(
        session,
        CallQueue,
        now=ask.now,
        owner=ask.owner,
        limit=ask.limit,
        per_group=per_channel,
        share=ask.share,
        full=ask.full,
    )


async def record(session: AsyncSession, tried: Sequence[Tried], *, owner: UUID) -> set[UUID]:
    """Write down what came of claimed notifications; returns those whose claim still held, the only ones that were written."""
    await enter_queues(session)
    held = set(
        await session.scalars(
            _RECORD,
            {
                "owner": owner,
                "ids": [each.id for each in tried],
                "nexts": [each.next_at for each in tried],
                "tries": [int(each.is_try) for each in tried],
                "details": [each.detail for each in tried],
            },
        )
    )
    rows: list[dict[str, Any]] = [
        asdict(attempt) | {"id": uuid7()} for each in tried if each.id in held for attempt in each.attempts
    ]
    if rows:
        await session.execute(insert(CallAttempt), rows)
    return held
