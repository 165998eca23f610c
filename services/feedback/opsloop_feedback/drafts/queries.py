"""Everything that reads drafts: each person's own."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.drafts.models import FeedbackDraft


def _own(session: AsyncSession, feedback_id: UUID) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return FeedbackDraft.feedback_id == feedback_id, FeedbackDraft.actor == context_of(session).actor


async def get_draft(session: AsyncSession, feedback_id: UUID) -> FeedbackDraft:
    """Return one's draft about a feedback; raises NotFound."""
    return await resources.get(session, FeedbackDraft, *_own(session, feedback_id))


async def find_and_lock(session: AsyncSession, feedback_id: UUID) -> FeedbackDraft | None:
    """Lock and return one's draft about a feedback, or None."""
    return await resources.find_for_change(session, FeedbackDraft, *_own(session, feedback_id))


async def lock_draft(session: AsyncSession, feedback_id: UUID, expected: Precondition) -> FeedbackDraft:
    """Lock and return one's draft in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, FeedbackDraft, *_own(session, feedback_id), expected=expected)


async def count_drafts(session: AsyncSession) -> int:
    """Count one's drafts."""
    context = context_of(session)
    own = (FeedbackDraft.workspace == context.workspace, FeedbackDraft.actor == context.actor)
    return (await session.scalars(select(func.count()).select_from(FeedbackDraft).where(*own))).one()
