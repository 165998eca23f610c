"""What campaigns do when time has come: start."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.lifecycle import service
from opsloop_campaigns.lifecycle.rules import START
from opsloop_common.due import DueKind, DueRow


async def start(session: AsyncSession, row: DueRow) -> None:
    """Launch the scheduled campaign named by the row's key."""
    await service.start_scheduled(session, UUID(row.key))


DUE = (
    # a campaign starts by this row alone: given up, it would be scheduled for ever
    DueKind(START, start, max_attempts=None),
)
