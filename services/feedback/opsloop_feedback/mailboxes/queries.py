"""Everything of mailboxes that says SELECT."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.mailboxes.models import Mailbox
from opsloop_feedback.mailboxes.rules import Kind

NEWEST_FIRST = (Mailbox.id.desc(),)
ALL = select(Mailbox.id).subquery()


def mailboxes(workspace: str) -> Select[Mailbox]:
    """Select the mailboxes of a workspace."""
    return select(Mailbox).where(Mailbox.workspace == workspace)


async def get_mailbox(session: AsyncSession, mailbox_id: UUID) -> Mailbox:
    """Return a mailbox; raises NotFound."""
    return await resources.get(session, Mailbox, Mailbox.id == mailbox_id)


async def find_mailbox(session: AsyncSession, mailbox_id: UUID) -> Mailbox | None:
    """Return a mailbox, or None."""
    return await resources.find(session, Mailbox, Mailbox.id == mailbox_id)


async def lock_mailbox(session: AsyncSession, mailbox_id: UUID, expected: Precondition) -> Mailbox:
    """Lock and return a mailbox in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Mailbox, Mailbox.id == mailbox_id, expected=expected)


async def fetched(session: AsyncSession) -> Sequence[Mailbox]:
    """Return the mailboxes that are to be fetched from."""
    own = mailboxes(context_of(session).workspace).where(Mailbox.kind == Kind.IMAP, Mailbox.enabled)
    return (await session.scalars(own.order_by(Mailbox.id))).all()


async def own_addresses(session: AsyncSession) -> list[str]:
    """Return the addresses of all mailboxes of the workspace: who writes from one of them is ourselves."""
    own = select(Mailbox.address).where(Mailbox.workspace == context_of(session).workspace)
    return list(await session.scalars(own))
