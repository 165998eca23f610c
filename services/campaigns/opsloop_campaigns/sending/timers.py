"""What sending does when time has come: the next chunk."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.lifecycle.rules import CHUNK
from opsloop_campaigns.sending import service
from opsloop_common.due import DueKind, DueRow


async def chunk(session: AsyncSession, row: DueRow) -> None:
    """Request messages for the next people of the campaign named by the row's key."""
    await service.send_chunk(session, UUID(row.key))


DUE = (
    # a campaign goes on by these rows alone: given up, it would be running for ever
    DueKind(CHUNK, chunk, max_attempts=None),
)
