"""What campaigns do when time has come: start, and hand out the next chunk."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.campaigns import service
from opsloop_common.due import DueKind, DueRow


async def start(session: AsyncSession, row: DueRow) -> None:
    """Launch the scheduled campaign named by the row's key."""
    await service.start_scheduled(session, UUID(row.key))


async def chunk(session: AsyncSession, row: DueRow) -> None:
    """Request messages for the next people of the campaign named by the row's key."""
    await service.send_chunk(session, UUID(row.key))


DUE = (
    # a campaign goes on by these rows alone: given up, it would be scheduled or running for ever
    DueKind(service.START, start, max_attempts=None),
    DueKind(service.CHUNK, chunk, max_attempts=None),
)
