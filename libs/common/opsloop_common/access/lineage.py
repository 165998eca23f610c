"""What a key makes ends with it: also what is being made while it is revoked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access.tables import api_key
from opsloop_common.db import clock_of
from opsloop_common.errors import Unauthorized
from opsloop_common.versions import Precondition

VERSION = 1  # a credential is made and revoked, never changed

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('api_key'), hashtext(:workspace))")


async def one_at_a_time(session: AsyncSession, workspace: str) -> None:
    """Wait until nobody else makes or revokes credentials of a workspace; until the transaction ends.

    Two keys of one name would make one source, and what is made while its maker is being revoked would live on.
    """
    await session.execute(_ONE_AT_A_TIME, {"workspace": workspace})


async def lock_for_change(
    session: AsyncSession, find: Callable[[], Awaitable[Row[Any]]], *, expected: Precondition
) -> Row[Any]:
    """Do as `resources.lock_for_change`, with `one_at_a_time`: what `find` raises (404), then StaleVersion (412)."""
    await one_at_a_time(session, (await find()).workspace)
    found = await find()  # somebody may have been faster
    expected.require(VERSION)
    return found


async def end_of_maker(session: AsyncSession, key_id: UUID) -> datetime | None:
    """Return when a key that is about to make something ends by itself; raises Unauthorized (401) when it has ended.

    Asked after `one_at_a_time`: then it lives until the transaction ends.
    """
    query = select(api_key.c.expires_at).where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
    row = (await session.execute(query)).one_or_none()
    end: datetime | None = row.expires_at if row is not None else None
    if row is None or (end is not None and end <= clock_of(session).now()):
        raise Unauthorized("The key has just ended.", headers={"WWW-Authenticate": "Bearer"})
    return end
