"""Everything of conversations that says SELECT."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select
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


async def said_between(
    session: AsyncSession, feedback_id: UUID, places: Collection[UUID], *, named: str, after: UUID | None, limit: int
) -> Sequence[FeedbackMessage]:
    """Return what was said to the author of a feedback, or by them under names that begin so, in the conversations of some feedback."""
    theirs = FeedbackMessage.external_id.startswith(named, autoescape=True)
    found = select(FeedbackMessage).where(
        FeedbackMessage.feedback_id.in_(places),
        FeedbackMessage.kind == "reply",
        or_(FeedbackMessage.addressee_id == feedback_id, theirs),
        *(() if after is None else (FeedbackMessage.id > after,)),
    )
    rows = (await session.scalars(found.order_by(*NEWEST_FIRST).limit(limit))).all()
    return rows[::-1]


async def answered_among(session: AsyncSession, feedback_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return those of some feedback whose authors we said something to, and when we did last."""
    answered = select(FeedbackMessage.addressee_id, func.max(FeedbackMessage.created_at))
    spoken = answered.where(FeedbackMessage.feedback_id.in_(feedback_ids), FeedbackMessage.addressee_id.is_not(None))
    return {id: at for id, at in await session.execute(spoken.group_by(FeedbackMessage.addressee_id)) if id is not None}
