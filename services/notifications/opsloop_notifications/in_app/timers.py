"""What becomes of inboxes when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_notifications.in_app import service


async def unsnooze(session: AsyncSession, row: DueRow) -> None:
    """Show the entry named by the row's key again."""
    await service.unsnooze_entry(session, UUID(row.key))


DUE = (DueKind(service.UNSNOOZE, unsnooze),)
