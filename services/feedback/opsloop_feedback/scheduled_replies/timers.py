"""What is done when the time of a reply has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_feedback.scheduled_replies import service


async def say(session: AsyncSession, row: DueRow) -> None:
    """Say the reply named by the row's key."""
    await service.say(session, UUID(row.key))


# what is not looked at is said to nobody: never given up
DUE = (DueKind(service.SAY, say, max_attempts=None),)
