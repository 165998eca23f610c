"""What is asked of the history of evaluations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.evaluation.models import Evaluation

NEWEST_FIRST = (Evaluation.at.desc(), Evaluation.slot.desc(), Evaluation.state.desc())

_RECORD = text(
    "INSERT INTO evaluation (monitor_id, slot, state, workspace, at, value, samples) "
    "VALUES (:monitor_id, :slot, :state, :workspace, :at, :value, :samples) ON CONFLICT (monitor_id, slot, state) "
    "DO UPDATE SET at = excluded.at, value = excluded.value, samples = excluded.samples"
)
_PRUNE = text(
    "DELETE FROM evaluation WHERE ctid = ANY(ARRAY(SELECT ctid FROM evaluation WHERE at < :before LIMIT :limit))"
)


async def put_evaluation(session: AsyncSession, values: dict[str, Any]) -> None:
    """Write an evaluation into its slot."""
    await session.execute(_RECORD, values)


async def prune(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` evaluations of the workspace older than `before`; returns how many."""
    deleted: CursorResult[Any] = await session.execute(_PRUNE, {"before": before, "limit": limit})  # type: ignore[assignment]
    return deleted.rowcount


def evaluations(monitor_id: UUID, *, seen_from: datetime | None, seen_to: datetime | None) -> Select[Any]:
    """Return a monitor's history with `at` in `[from, to)`."""
    found = select(Evaluation).where(Evaluation.monitor_id == monitor_id)
    if seen_from is not None:
        found = found.where(Evaluation.at >= seen_from)
    if seen_to is not None:
        found = found.where(Evaluation.at < seen_to)
    return found
