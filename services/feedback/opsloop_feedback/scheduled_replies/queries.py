"""Everything that reads scheduled replies."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_feedback.scheduled_replies.models import ScheduledReply
from opsloop_feedback.scheduled_replies.rules import ScheduledStatus

BY_TIME = (ScheduledReply.send_at.asc(), ScheduledReply.id.asc())
UNSENT = select(ScheduledReply.id).where(ScheduledReply.status != ScheduledStatus.SENT).subquery()


def replies_to(feedback_id: UUID) -> Select[ScheduledReply]:
    """Return the query of what is said to the author of a feedback later, to be paged."""
    return select(ScheduledReply).where(ScheduledReply.feedback_id == feedback_id)


async def count_unsent(session: AsyncSession, feedback_id: UUID) -> int:
    """Count what is still to be said to the author of a feedback."""
    unsent = (ScheduledReply.feedback_id == feedback_id, ScheduledReply.status != ScheduledStatus.SENT)
    return (await session.scalars(select(func.count()).select_from(ScheduledReply).where(*unsent))).one()


async def get_reply(session: AsyncSession, reply_id: UUID) -> ScheduledReply:
    """Return a scheduled reply; raises NotFound."""
    return await resources.get(session, ScheduledReply, ScheduledReply.id == reply_id)


async def find_reply(session: AsyncSession, reply_id: UUID) -> ScheduledReply | None:
    """Return a scheduled reply, or None."""
    return await resources.find(session, ScheduledReply, ScheduledReply.id == reply_id)


async def find_and_lock(session: AsyncSession, reply_id: UUID) -> ScheduledReply | None:
    """Lock and return a scheduled reply as it is now, or None."""
    return await resources.find_for_change(session, ScheduledReply, ScheduledReply.id == reply_id)


async def lock_reply(session: AsyncSession, reply_id: UUID, expected: Precondition = ANY_VERSION) -> ScheduledReply:
    """Lock and return a scheduled reply in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, ScheduledReply, ScheduledReply.id == reply_id, expected=expected)
