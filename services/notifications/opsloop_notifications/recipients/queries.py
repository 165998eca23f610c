"""What is read of recipients."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, bindparam, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.recipients.models import Recipient

NEWEST_FIRST = (Recipient.created_at.desc(), Recipient.user_id.desc())
AT_ONE_ADDRESS = 100


def recipients_of(
    workspace: str, *, email: str | None = None, state: str | None = None, locale: str | None = None
) -> Select[Recipient]:
    """Return the statement for a workspace's recipients, to be paged by `NEWEST_FIRST`."""
    statement = select(Recipient).where(Recipient.workspace == workspace)
    if email is not None:
        statement = statement.where(func.lower(Recipient.email) == email.lower())
    if state is not None:
        statement = statement.where(Recipient.state == state)
    if locale is not None:
        statement = statement.where(Recipient.locale == locale)
    return statement


async def get_recipient(session: AsyncSession, user_id: str) -> Recipient:
    """Return one recipient; raises NotFound."""
    return await resources.get(session, Recipient, Recipient.user_id == user_id)


async def find_by_person(session: AsyncSession, person_id: UUID) -> Recipient | None:
    """Return the recipient that links and events call so, or None."""
    return await resources.find(session, Recipient, Recipient.person_id == person_id)


async def lock_by_person(session: AsyncSession, person_id: UUID) -> Recipient | None:
    """Lock and return the recipient that links and events call so, or None."""
    return await resources.find_for_change(session, Recipient, Recipient.person_id == person_id)


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


async def lock_at_address(session: AsyncSession, email: str) -> Sequence[Recipient]:
    """Lock and return the people with an address, a hundred at most, in the order of their ids."""
    own = recipients_of(context_of(session).workspace, email=email).order_by(Recipient.user_id).limit(AT_ONE_ADDRESS)
    return (await session.scalars(own.with_for_update())).all()


async def recipients_by_key(
    session: AsyncSession, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Recipient]:
    """Return those who are known, by (workspace, user id); also for a session that entered as a worker."""
    # arrays: one statement however many, so that its plan, by the primary key, is kept
    workspaces, user_ids = [workspace for workspace, _ in keys], [user_id for _, user_id in keys]
    asked = func.unnest(
        bindparam("workspaces", workspaces, type_=ARRAY(Text)), bindparam("user_ids", user_ids, type_=ARRAY(Text))
    )
    pairs = asked.table_valued("workspace", "user_id").render_derived()
    own = tuple_(Recipient.workspace, Recipient.user_id).in_(select(pairs.c.workspace, pairs.c.user_id))
    found = await session.scalars(select(Recipient).where(own))
    return {(row.workspace, row.user_id): row for row in found}
