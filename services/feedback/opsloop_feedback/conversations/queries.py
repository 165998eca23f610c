"""Everything of conversations that says SELECT."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from opsloop_feedback.conversations.models import FeedbackMessage

NEWEST_FIRST = (FeedbackMessage.created_at.desc(), FeedbackMessage.id.desc())


def messages_of(feedback_id: UUID) -> Select[FeedbackMessage]:
    """Select the messages of one feedback."""
    return select(FeedbackMessage).where(FeedbackMessage.feedback_id == feedback_id)
