"""What came with a file goes away again, as long as nobody has worked on it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.items import queries
from opsloop_feedback.items.models import Feedback


async def lock_untouched(session: AsyncSession, feedback_ids: Collection[UUID]) -> set[UUID]:
    """Hold those of some feedback that were never changed and stand for no others; nobody adds to them until the transaction ends."""
    held = await queries.lock_as_they_came(session, feedback_ids)
    return held - await queries.those_that_stand(session, held)


async def remove(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Remove feedback that is held, for good: its clocks, watchers and messages go with it."""
    gone = delete(Feedback).where(Feedback.id.in_(feedback_ids))
    await session.execute(gone.execution_options(synchronize_session=False))
