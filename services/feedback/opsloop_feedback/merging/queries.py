"""Everything of merging that says SELECT."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_feedback.merging.models import FeedbackMerge


async def get_merge(session: AsyncSession, feedback_id: UUID) -> FeedbackMerge:
    """Return how a merged post was merged."""
    found = select(FeedbackMerge).where(_own(session), FeedbackMerge.feedback_id == feedback_id)
    return (await session.scalars(found.execution_options(populate_existing=True))).one()


async def below(session: AsyncSession, feedback_id: UUID) -> list[UUID]:
    """Return the posts that were merged into one, into those, and so on."""
    tree = (
        select(FeedbackMerge.feedback_id)
        .where(_own(session), FeedbackMerge.into_id == feedback_id)
        .cte("below", recursive=True)
    )
    further = select(FeedbackMerge.feedback_id).join(tree, FeedbackMerge.into_id == tree.c.feedback_id)
    tree = tree.union(further.where(_own(session)))  # union, not all: it ends whatever the rows say
    return list(await session.scalars(select(tree.c.feedback_id)))


def _own(session: AsyncSession) -> ColumnElement[bool]:
    return FeedbackMerge.workspace == context_of(session).workspace
