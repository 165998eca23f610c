"""See to new posts, many in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.merging import service as merging


async def see_to(session: AsyncSession, feedback_ids: Sequence[UUID]) -> None:
    """Read posts into the index, and let those that repeat others join them. Twice is once."""
    await indexing.index(session, feedback_ids)
    await session.flush()
    await merging.join_repeats(session, feedback_ids)
