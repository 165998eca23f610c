"""What playbooks do when time has come: forget."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.playbooks import service
from opsloop_common.due import DueKind, DueRow


async def prune(session: AsyncSession, row: DueRow) -> None:
    """Forget the workspace's old refusals."""
    await service.prune_runs(session)


DUE = (DueKind(service.PRUNE, prune),)
