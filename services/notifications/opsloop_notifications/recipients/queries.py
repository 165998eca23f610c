"""What is read of recipients."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.recipients.models import Recipient

NEWEST_FIRST = (Recipient.created_at.desc(), Recipient.user_id.desc())


def recipients_of(workspace: str) -> Select[Recipient]:
    """Return the statement for a workspace's recipients, to be paged by `NEWEST_FIRST`."""
    return select(Recipient).where(Recipient.workspace == workspace)


async def get_recipient(session: AsyncSession, user_id: str) -> Recipient:
    """Return one recipient; raises NotFound."""
    return await resources.get(session, Recipient, Recipient.user_id == user_id)


async def lock_recipient(session: AsyncSession, user_id: str, expected: Precondition) -> Recipient:
    """Lock and return one recipient in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Recipient, Recipient.user_id == user_id, expected=expected)


async def find_and_lock(session: AsyncSession, user_id: str) -> Recipient | None:
    """Lock and return one recipient, or None."""
    return await resources.find_for_change(session, Recipient, Recipient.user_id == user_id)


async def lock_recipients(session: AsyncSession, user_ids: Sequence[str]) -> Sequence[Recipient]:
    """Lock and return those of the users who are known, in the order of their ids."""
    own = recipients_of(context_of(session).workspace).where(Recipient.user_id.in_(user_ids))
    return (await session.scalars(own.order_by(Recipient.user_id).with_for_update())).all()


async def recipients_by_user(session: AsyncSession, user_ids: Sequence[str]) -> dict[str, Recipient]:
    """Return those of the users who are known, by user id."""
    rows = await session.scalars(recipients_of(context_of(session).workspace).where(Recipient.user_id.in_(user_ids)))
    return {row.user_id: row for row in rows}
