"""Messages are taken back, paused and resumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import audit
from opsloop_common.db import clock_of, context_of, fire_after_commit
from opsloop_notifications.calls import service as calls
from opsloop_notifications.calls.service import Waiting
from opsloop_notifications.messages import queries
from opsloop_notifications.messages.models import NotificationQueue
from opsloop_notifications.ways.rules import CALLED

# also what is on its way: whoever records that afterwards sees that the message was taken back
_HOLD = text(
    "SELECT FROM notification_queue AS q JOIN notification AS n ON n.id = q.id "
    "WHERE n.workspace = :workspace AND n.message_id = :message ORDER BY q.id FOR UPDATE OF q"
)
_CANCEL = text(
    "WITH gone AS (DELETE FROM notification_queue AS q USING notification AS n WHERE n.id = q.id AND q.owner IS NULL "
    "AND n.workspace = :workspace AND n.message_id = :message RETURNING q.id) "
    "UPDATE notification AS n SET status = 'cancelled', finished_at = :now "
    "WHERE n.workspace = :workspace AND n.message_id = :message AND n.status = 'pending' "
    "AND (n.digest_id IS NOT NULL OR n.id IN (SELECT id FROM gone) OR n.id = ANY(CAST(:called AS uuid[]))) RETURNING n.id"
)
# one that is with the mail server right now goes out; where it does not, it waits with the others
_PAUSE = text(
    "UPDATE notification_queue AS q SET is_paused = true, due_at = NULL FROM notification AS n WHERE n.id = q.id "
    "AND n.workspace = :workspace AND n.message_id = :message AND q.due_at IS NOT NULL AND NOT q.is_paused"
)
_RESUME = text(
    "UPDATE notification_queue AS q SET is_paused = false, due_at = greatest(CAST(:now AS timestamptz), n.deferred_until) "
    "FROM notification AS n WHERE n.id = q.id AND n.workspace = :workspace AND n.message_id = :message AND q.is_paused"
)
# the lock waits for whoever resumes, so that nothing is left waiting for that
_SET_APART = text(
    "WITH held AS MATERIALIZED (SELECT n.id FROM notification AS n JOIN message AS m ON m.workspace = n.workspace "
    "AND m.id = n.message_id WHERE n.workspace = :workspace AND n.digest_id = ANY(CAST(:digests AS uuid[])) "
    "AND n.status = 'pending' AND m.paused_at IS NOT NULL FOR KEY SHARE OF m), "
    "apart AS (UPDATE notification AS n SET digest_id = NULL FROM held WHERE n.id = held.id AND n.status = 'pending' "
    "RETURNING n.id, n.message_id, n.channel = ANY(CAST(:called AS text[])) AS is_called), "
    "queued AS (INSERT INTO notification_queue (id, workspace, group_key, tries, is_paused) "
    "SELECT id, :workspace, :workspace, 0, true FROM apart WHERE NOT is_called) "
    "SELECT id, message_id FROM apart WHERE is_called"
)


async def set_paused_apart(session: AsyncSession, digest_ids: Sequence[UUID]) -> None:
    """Take out of digests that go out now what is of paused messages: it goes out by itself, once they go on."""
    given = {"workspace": context_of(session).workspace, "digests": list(digest_ids), "called": list(CALLED)}
    apart = await session.execute(_SET_APART, given)
    await calls.enqueue(session, [Waiting(row.id, row.message_id, None, None) for row in apart], is_paused=True)


async def cancel_message(session: AsyncSession, message_id: UUID) -> int:
    """Take back what waits of a message and what is still asked for, but not what is on its way; returns how many. Raises NotFound.

    What is on its way and does not get out is taken back as that is recorded.
    """
    message = await queries.lock_message(session, message_id)
    if message.cancelled_at is None:
        message.cancelled_at = clock_of(session).now()
        audit.record(session, "message.cancelled", f"message/{message_id}")
    called = await calls.cancel(session, message_id)
    given: dict[str, Any] = {"workspace": context_of(session).workspace, "message": message_id, "called": called}
    await session.execute(_HOLD, given)
    given["now"] = clock_of(session).now()
    return len((await session.scalars(_CANCEL, given)).all())


async def pause_message(session: AsyncSession, message_id: UUID) -> None:
    """Have what waits of a message, and what is still asked for, wait until it is resumed. Raises NotFound."""
    message = await queries.lock_message(session, message_id)
    if message.paused_at is None:
        message.paused_at = clock_of(session).now()
        await session.execute(_PAUSE, {"workspace": message.workspace, "message": message_id})
        await calls.pause(session, message_id)
        audit.record(session, "message.paused", f"message/{message_id}")


async def resume_message(session: AsyncSession, message_id: UUID) -> None:
    """Have a paused message go on. Raises NotFound."""
    message = await queries.lock_message(session, message_id)
    if message.paused_at is not None:
        message.paused_at, now = None, clock_of(session).now()
        await session.execute(_RESUME, {"workspace": message.workspace, "message": message_id, "now": now})
        await calls.resume(session, message_id)
        audit.record(session, "message.resumed", f"message/{message_id}")
        fire_after_commit(session, NotificationQueue.__tablename__)
