"""What service levels do when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_feedback.slas import service


async def look(session: AsyncSession, row: DueRow) -> None:
    """Look at the clocks of the post named by the row's key."""
    await service.look(session, UUID(row.key))


# a breach that is not looked at is told to nobody: never given up
DUE = (DueKind(service.LOOK, look, max_attempts=None),)
