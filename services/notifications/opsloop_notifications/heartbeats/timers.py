"""What heartbeats do when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_notifications.heartbeats import service


async def miss(session: AsyncSession, row: DueRow) -> None:
    """Fire the alert of the heartbeat named by the row's key, unless it was heard meanwhile."""
    await service.miss(session, UUID(row.key))


# one that is not looked at is missed by nobody: never given up
MISS = DueKind(service.MISS, miss, max_attempts=None)
