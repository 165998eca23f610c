"""Everything of received mail that says SELECT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_feedback.mail_in.models import ReceivedMail

NEWEST_FIRST = (ReceivedMail.id.desc(),)


def received(workspace: str, outcome: Sequence[str], mailbox_id: UUID | None) -> Select[ReceivedMail]:
    """Select the mail that came in, by what became of it and by its mailbox."""
    query = select(ReceivedMail).where(ReceivedMail.workspace == workspace)
    if outcome:
        query = query.where(ReceivedMail.outcome.in_(outcome))
    return query if mailbox_id is None else query.where(ReceivedMail.mailbox_id == mailbox_id)


async def get_received(session: AsyncSession, mail_id: UUID) -> ReceivedMail:
    """Return a mail that came in; raises NotFound."""
    own = ReceivedMail.workspace == context_of(session).workspace
    found = (await session.scalars(select(ReceivedMail).where(own, ReceivedMail.id == mail_id))).one_or_none()
    if found is None:
        raise NotFound.of("received mail")
    return found


async def get_parked(session: AsyncSession, mail_id: UUID) -> ReceivedMail:
    """Return a mail that came in, with its bytes where they are kept; raises NotFound."""
    own = ReceivedMail.workspace == context_of(session).workspace
    query = select(ReceivedMail).where(own, ReceivedMail.id == mail_id).options(undefer(ReceivedMail.raw))
    found = (await session.scalars(query)).one_or_none()
    if found is None:
        raise NotFound.of("received mail")
    return found


async def find_by_key(session: AsyncSession, key: str) -> ReceivedMail | None:
    """Return the mail that is known by a key, or None."""
    own = ReceivedMail.workspace == context_of(session).workspace
    return (await session.scalars(select(ReceivedMail).where(own, ReceivedMail.key == key))).one_or_none()


async def find_thread(session: AsyncSession, digests: Sequence[str]) -> UUID | None:
    """Return the feedback that the first of some Message-IDs belongs to, or None."""
    if not digests:
        return None
    own = ReceivedMail.workspace == context_of(session).workspace
    query = select(ReceivedMail.mail_digest, ReceivedMail.feedback_id).where(
        own, ReceivedMail.mail_digest.in_(digests), ReceivedMail.feedback_id.is_not(None)
    )
    found = {row.mail_digest: row.feedback_id for row in await session.execute(query)}
    return next((found[each] for each in digests if each in found), None)


async def count_since(session: AsyncSession, mailbox_id: UUID, since: datetime) -> int:
    """Return how many mails came by a mailbox since a time."""
    where = (ReceivedMail.mailbox_id == mailbox_id, ReceivedMail.received_at > since)
    return await session.scalar(select(func.count()).select_from(ReceivedMail).where(*where)) or 0
