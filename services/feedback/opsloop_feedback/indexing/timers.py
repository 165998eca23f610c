"""What the index does by time: add up how rare terms are."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due
from opsloop_common.db import clock_of
from opsloop_common.due import DueKind, DueRow
from opsloop_feedback.indexing import service
from opsloop_feedback.items.rules import READ_AGAIN


async def count_terms(session: AsyncSession, row: DueRow) -> None:
    """Add up what batches changed, some batches at a time."""
    if await service.count_terms(session):
        await due.schedule(session, service.COUNT, row.key, clock_of(session).now())


async def read_again(session: AsyncSession, row: DueRow) -> None:
    """Find the post named by the row's key by what it says now."""
    await service.index(session, [UUID(row.key)])


DUE = (
    DueKind(service.COUNT, count_terms, max_attempts=None),
    DueKind(READ_AGAIN, read_again),
)
