"""What escalations do when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_notifications.escalations import service


async def look(session: AsyncSession, row: DueRow) -> None:
    """Look at the alert named by the row's key."""
    await service.look(session, UUID(row.key))


# one that is not looked at is taken to nobody: never given up
ESCALATE = DueKind(service.ESCALATE, look, max_attempts=None)
