"""What playbooks do when time has come: forget."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.playbooks import service
from opsloop_common.due import DueKind, DueRow, go_on


async def prune(session: AsyncSession, row: DueRow) -> None:
    """Forget the workspace's old refusals."""
    if await service.prune_runs(session):
        await go_on(session, row)


DUE = (DueKind("campaigns.prune_refusals", prune, every=timedelta(days=1), per="workspace", concurrency=1),)
