"""Everything of conversations that says SELECT."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.conversations.models import FeedbackMessage

NEWEST_FIRST = (FeedbackMessage.created_at.desc(), FeedbackMessage.id.desc())


def messages_of(feedback_id: UUID) -> Select[FeedbackMessage]:
    """Select the messages of one feedback."""
    return select(FeedbackMessage).where(FeedbackMessage.feedback_id == feedback_id)


async def find_by_external_id(
    session: AsyncSession, feedback_ids: Collection[UUID], external_id: str
) -> FeedbackMessage | None:
    """Return what is known under a natural key in the conversation of one of some feedback, or None."""
    named = (FeedbackMessage.feedback_id.in_(feedback_ids), FeedbackMessage.external_id == external_id)
    return await session.scalar(select(FeedbackMessage).where(*named).limit(1))
