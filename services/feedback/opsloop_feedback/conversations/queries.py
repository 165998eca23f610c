"""Everything of conversations that says SELECT."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.conversations.models import FeedbackMessage
from opsloop_feedback.conversations.rules import EMAIL, Delivery, SaidBy

NEWEST_FIRST = (FeedbackMessage.created_at.desc(), FeedbackMessage.id.desc())


def messages_of(feedback_id: UUID) -> Select[FeedbackMessage]:
    """Select the messages of one feedback."""
    return select(FeedbackMessage).where(FeedbackMessage.feedback_id == feedback_id)


def said_to(feedback_id: UUID, merged_into_id: UUID | None) -> Select[FeedbackMessage]:
    """Select what was said to the author of a feedback and by them: no notes, and of what it was merged into nothing of others."""
    place = FeedbackMessage.feedback_id.in_([feedback_id, merged_into_id or feedback_id])
    own = func.coalesce(FeedbackMessage.addressee_id, FeedbackMessage.feedback_id) == feedback_id
    return select(FeedbackMessage).where(place, own, FeedbackMessage.kind == "reply")


async def find_by_external_id(
    session: AsyncSession, feedback_ids: Collection[UUID], external_id: str
) -> FeedbackMessage | None:
    """Return what is known under a natural key in the conversation of one of some feedback, or None."""
    named = (FeedbackMessage.feedback_id.in_(feedback_ids), FeedbackMessage.external_id == external_id)
    return await session.scalar(select(FeedbackMessage).where(*named).limit(1))


async def said_between(
    session: AsyncSession, feedback_id: UUID, merged_into_id: UUID | None, *, after: UUID | None, limit: int
) -> Sequence[FeedbackMessage]:
    """Return what was said between us and the author of a feedback, the newest so many, oldest first; `after`: since a message."""
    since = () if after is None else (FeedbackMessage.id > after,)
    newest = said_to(feedback_id, merged_into_id).where(*since).order_by(*NEWEST_FIRST).limit(limit)
    return (await session.scalars(newest)).all()[::-1]


async def answered_among(session: AsyncSession, feedback_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return those of some feedback whose authors we said something to, and when we did last."""
    answered = select(FeedbackMessage.addressee_id, func.max(FeedbackMessage.created_at))
    ours = (FeedbackMessage.said_by == SaidBy.STAFF, FeedbackMessage.addressee_id.is_not(None))
    spoken = answered.where(FeedbackMessage.feedback_id.in_(feedback_ids), *ours)
    return {id: at for id, at in await session.execute(spoken.group_by(FeedbackMessage.addressee_id)) if id is not None}


async def find_message(session: AsyncSession, message_id: UUID) -> FeedbackMessage | None:
    """Return one message, or None."""
    return await session.get(FeedbackMessage, message_id)


async def find_and_lock(session: AsyncSession, message_id: UUID) -> FeedbackMessage | None:
    """Lock and return one message as it is now, or None."""
    statement = select(FeedbackMessage).where(FeedbackMessage.id == message_id).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def waiting_among(session: AsyncSession, message_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some ids are those of messages that nothing is known of yet."""
    waits = (
        FeedbackMessage.id == any_(literal(list(message_ids), ARRAY(Uuid))),
        FeedbackMessage.delivery == Delivery.WAITING,
    )
    return set(await session.scalars(select(FeedbackMessage.id).where(*waits)))


async def last_mail(session: AsyncSession, feedback_id: UUID, merged_into_id: UUID | None) -> str | None:
    """Return what the newest mail of a feedback's author is called, None where there is none."""
    mails = (FeedbackMessage.channel == EMAIL, FeedbackMessage.external_id.is_not(None))
    newest = said_to(feedback_id, merged_into_id).where(*mails).order_by(*NEWEST_FIRST).limit(1)
    return await session.scalar(newest.with_only_columns(FeedbackMessage.external_id))


async def spoken_to(session: AsyncSession, feedback_ids: Collection[UUID], since: datetime) -> set[UUID]:
    """Return which of some feedback have messages from a time on."""
    about = FeedbackMessage.feedback_id.in_(feedback_ids)
    found = select(FeedbackMessage.feedback_id).distinct().where(about, FeedbackMessage.created_at >= since)
    return set(await session.scalars(found))
