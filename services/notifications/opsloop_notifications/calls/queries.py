"""What is read of calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_notifications.calls.models import CallAttempt, CallQueue
from opsloop_notifications.calls.rules import ENDED

OLDEST_FIRST = (CallAttempt.id.asc(),)


def attempts_of(workspace: str, notification_id: UUID) -> Select[CallAttempt]:
    """Return the statement for what was tried of one notification, to be paged by `OLDEST_FIRST`."""
    return select(CallAttempt).where(CallAttempt.workspace == workspace, CallAttempt.notification_id == notification_id)


async def ended_by_id(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, dict[UUID | None, str]]:
    """Return of notifications the contacts that are not called again, and what came of them; for a worker's session."""
    given = bindparam("ids", list(ids), type_=ARRAY(Uuid))
    rows = await session.execute(
        select(CallAttempt.notification_id, CallAttempt.contact_id, CallAttempt.outcome).where(
            CallAttempt.notification_id == any_(given), CallAttempt.outcome.in_(ENDED)
        )
    )
    found = defaultdict[UUID, dict[UUID | None, str]](dict)
    for notification_id, contact_id, outcome in rows:
        found[notification_id][contact_id] = outcome
    return found


async def waiting(session: AsyncSession, now: datetime) -> tuple[int, int, float]:
    """Return how many are due, how many later, and for how many seconds the oldest has been due, over what the session sees."""
    due, later, oldest_seconds = (await session.execute(CallQueue.waiting(now))).one()
    return due, later, float(oldest_seconds)
