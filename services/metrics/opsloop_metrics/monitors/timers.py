"""What time makes due: evaluations, and the pruning of their history."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow, go_on
from opsloop_metrics.monitors import service
from opsloop_metrics.monitors.rules import EVALUATE


async def evaluate_monitor(session: AsyncSession, row: DueRow) -> None:
    """Evaluate the monitor that the row's key names."""
    await service.evaluate(session, UUID(row.key))


async def prune_history(session: AsyncSession, row: DueRow) -> None:
    """Prune the evaluations of the row's workspace."""
    if await service.prune(session):
        await go_on(session, row)


DUE = (
    # a monitor looks again because it looked: given up once, it would never say anything any more. Two at a time: one may keep
    # a core of PostgreSQL busy, and with three of the others' at once a workspace of one monitor waited five times as long
    DueKind(EVALUATE, evaluate_monitor, max_attempts=None, concurrency=2),
    DueKind("metrics.prune_history", prune_history, every=timedelta(days=1), per="workspace", concurrency=1),
)
