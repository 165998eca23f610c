"""What CSAT does when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_feedback.csat import service


async def ask(session: AsyncSession, row: DueRow) -> None:
    """Ask the author of the post named by the row's key."""
    await service.ask(session, UUID(row.key))


# one at a time of a workspace: of two posts of one person the second finds that they were asked
DUE = (DueKind(service.ASK, ask, per_group=1),)
