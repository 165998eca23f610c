"""Everything of fetching that says SELECT."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_feedback.mail_polling.models import MailboxProgress


async def find_progress(session: AsyncSession, mailbox_id: UUID) -> MailboxProgress | None:
    """Return how far a mailbox is fetched, None before the first look."""
    own = MailboxProgress.workspace == context_of(session).workspace
    query = select(MailboxProgress).where(own, MailboxProgress.mailbox_id == mailbox_id)
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()
