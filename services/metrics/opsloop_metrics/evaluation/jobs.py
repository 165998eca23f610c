"""What time makes due: evaluations, and the pruning of their history."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_metrics.evaluation import service
from opsloop_metrics.kpis.rules import EVALUATE
from opsloop_metrics.retention.rules import PRUNE


async def evaluate_monitor(session: AsyncSession, row: DueRow) -> None:
    """Evaluate the monitor that the row's key names."""
    await service.evaluate(session, UUID(row.key))


async def prune_history(session: AsyncSession, row: DueRow) -> None:
    """Prune the evaluations of the row's workspace."""
    await service.prune(session)


DUE = (DueKind(EVALUATE, evaluate_monitor), DueKind(PRUNE, prune_history, concurrency=1))
