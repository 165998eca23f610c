"""What reminders do when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_common.testing.sample.reminders import service


async def ring(session: AsyncSession, row: DueRow) -> None:
    """Ring the reminder named by the row's key."""
    await service.ring_reminder(session, UUID(row.key))


DUE = (DueKind(service.RING, ring),)
