"""What time makes due: a look at an objective."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_metrics.objectives import service


async def judge_objective(session: AsyncSession, row: DueRow) -> None:
    """Judge the objective that the row's key names."""
    await service.judge(session, UUID(row.key))


# an objective is looked at again because it was looked at: given up once, nobody would hear of it any more
DUE = (DueKind(service.JUDGE, judge_objective, max_attempts=None, concurrency=2),)
