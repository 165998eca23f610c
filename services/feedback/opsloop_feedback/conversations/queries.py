"""Everything of conversations that says SELECT."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.conversations.models import FeedbackMessage

NEWEST_FIRST = (FeedbackMessage.created_at.desc(), FeedbackMessage.id.desc())


def messages_of(feedback_id: UUID) -> Select[FeedbackMessage]:
    """Select the messages of one feedback."""
    return select(FeedbackMessage).where(FeedbackMessage.feedback_id == feedback_id)


async def spoken_to(session: AsyncSession, feedback_ids: Collection[UUID], since: datetime) -> set[UUID]:
    """Return which of some feedback have messages from a time on."""
    about = FeedbackMessage.feedback_id.in_(feedback_ids)
    found = select(FeedbackMessage.feedback_id).distinct().where(about, FeedbackMessage.created_at >= since)
    return set(await session.scalars(found))
