"""Everything of attachments that says SELECT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_feedback.attachments.models import Attachment
from opsloop_feedback.attachments.rules import Picture, State

NEWEST_FIRST = (Attachment.id.desc(),)


def attachments_of(workspace: str, feedback_id: UUID) -> Select[Attachment]:
    """Select what a feedback and its messages name."""
    return select(Attachment).where(Attachment.workspace == workspace, Attachment.feedback_id == feedback_id)


async def get_attachment(session: AsyncSession, attachment_id: UUID) -> Attachment:
    """Return a file that is kept; raises NotFound."""
    found = await find_attachment(session, attachment_id)
    if found is None or found.state != State.KEPT:
        raise NotFound.of("attachment")
    return found


async def find_attachment(session: AsyncSession, attachment_id: UUID) -> Attachment | None:
    """Return the row of a file, whatever its state, or None."""
    own = Attachment.workspace == context_of(session).workspace
    return (await session.scalars(select(Attachment).where(own, Attachment.id == attachment_id))).one_or_none()


async def left_over(
    session: AsyncSession, *, arrived_before: datetime, kept_before: datetime, limit: int
) -> Sequence[UUID]:
    """Return files to be removed: those that never arrived, those that nobody named, and those that were taken back."""
    is_left = or_(
        Attachment.state == State.REMOVED,
        and_(Attachment.state == State.ARRIVING, Attachment.created_at < arrived_before),
        and_(Attachment.state == State.KEPT, Attachment.created_at < kept_before),
    )
    own = (Attachment.workspace == context_of(session).workspace, Attachment.feedback_id.is_(None))
    return (
        await session.scalars(select(Attachment.id).where(*own, is_left).order_by(Attachment.id).limit(limit))
    ).all()


async def without_picture(session: AsyncSession, *, limit: int) -> Sequence[UUID]:
    """Return files of which a small picture is to be made, the oldest first."""
    own = (Attachment.workspace == context_of(session).workspace, Attachment.picture == Picture.DUE)
    query = select(Attachment.id).where(*own, Attachment.state == State.KEPT)
    return (await session.scalars(query.order_by(Attachment.id).limit(limit))).all()
