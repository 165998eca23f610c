"""What is read of recipients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_notifications.recipients.models import Recipient


def recipients_of(workspace: str) -> Select[Recipient]:
    """Return the statement for a workspace's recipients, to be paged by `newest_first`."""
    return select(Recipient).where(Recipient.workspace == workspace)


def newest_first() -> list[ColumnElement[Any]]:
    """Return the order of the list."""
    return [Recipient.created_at.desc(), Recipient.user_id.desc()]


async def get_recipient(session: AsyncSession, user_id: str) -> Recipient:
    """Return one recipient of the session's workspace; raises NotFound."""
    found = await find_recipient(session, user_id)
    if found is None:
        raise NotFound("no such recipient")
    return found


async def find_recipient(session: AsyncSession, user_id: str, *, lock: bool = False) -> Recipient | None:
    """Return one recipient of the session's workspace, locked if wanted, or None."""
    statement = recipients_of(context_of(session).workspace).where(Recipient.user_id == user_id)
    return await session.scalar(statement.with_for_update() if lock else statement)


async def recipients_by_user(session: AsyncSession, user_ids: Sequence[str]) -> dict[str, Recipient]:
    """Return those of the users who are known, by user id."""
    rows = await session.scalars(recipients_of(context_of(session).workspace).where(Recipient.user_id.in_(user_ids)))
    return {row.user_id: row for row in rows}
