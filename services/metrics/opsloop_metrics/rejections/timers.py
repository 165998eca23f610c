"""The end of what was refused long ago, about once an hour."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow, go_on
from opsloop_metrics.rejections import service


async def prune_rejections(session: AsyncSession, row: DueRow) -> None:
    """Prune the reject log of the row's workspace, a batch at a time."""
    if await service.prune(session):
        await go_on(session, row)


DUE = (DueKind("metrics.prune_rejections", prune_rejections, every=timedelta(hours=1), per="workspace", concurrency=1),)
