"""Everything that reads watchers."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.watchers.models import FeedbackWatcher

IN_ORDER = (FeedbackWatcher.since.asc(), FeedbackWatcher.user_id.asc())


def watchers_of(feedback_id: UUID) -> Select[FeedbackWatcher]:
    """Return the query of who watches a feedback, to be paged."""
    return select(FeedbackWatcher).where(FeedbackWatcher.feedback_id == feedback_id)


async def count_watchers(session: AsyncSession, feedback_id: UUID) -> int:
    """Count who watches a feedback."""
    own = FeedbackWatcher.feedback_id == feedback_id
    return (await session.scalars(select(func.count()).select_from(FeedbackWatcher).where(own))).one()


async def ids_of(session: AsyncSession, feedback_id: UUID) -> list[str]:
    """Return who watches a feedback, who came first first."""
    query = select(FeedbackWatcher.user_id).where(FeedbackWatcher.feedback_id == feedback_id).order_by(*IN_ORDER)
    return list(await session.scalars(query))
