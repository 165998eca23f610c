"""See to new posts, many in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.merging import service as merging


async def see_to(session: AsyncSession, feedback_ids: Sequence[UUID], *, repeats: Sequence[UUID]) -> None:
    """Read posts into the index, and let those of `repeats` that repeat others join them. Twice is once.

    What came with a file joins nothing by itself: else the file could not be taken back.
    """
    await indexing.index(session, feedback_ids)
    await session.flush()
    await merging.join_repeats(session, repeats)
