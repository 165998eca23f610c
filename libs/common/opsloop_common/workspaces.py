"""Settings of a workspace, as each service keeps them; made with defaults on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import FromClause, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.access.tables import Workspace as Workspace
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import TooMany
from opsloop_common.versions import ANY_VERSION, Precondition

WeekStart = Literal["monday", "sunday", "saturday"]


async def get(session: AsyncSession) -> Workspace:
    """Return the settings of the session's workspace, made with defaults when nobody has asked before."""
    found = await resources.find(session, Workspace)
    if found is not None:
        return found
    await _make(session)
    return await resources.get(session, Workspace)


async def lock(session: AsyncSession) -> Workspace:
    """Return what `get` does, locked until the transaction ends: what is counted in a workspace is counted one after the other."""
    found = await resources.find_for_change(session, Workspace)
    if found is not None:
        return found
    await _make(session)
    return await resources.lock_for_change(session, Workspace, expected=ANY_VERSION)


async def _make(session: AsyncSession) -> None:
    now = clock_of(session).now()
    defaults = {
        "name": context_of(session).workspace,
        "time_zone": "UTC",
        "locale": "en",
        "week_start": "monday",
        "allow_self_approval": False,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await session.execute(insert(Workspace).values(defaults).on_conflict_do_nothing())


async def change(session: AsyncSession, changes: Mapping[str, Any], *, expected: Precondition) -> Workspace:
    """Change some settings of the session's workspace; nothing happens when nothing differs. Raises StaleVersion (412)."""
    await get(session)
    workspace = await resources.lock_for_change(session, Workspace, expected=expected)
    return resources.change(session, workspace, changes)


async def take_place(session: AsyncSession, table: FromClause, *, most: int, what: str) -> Workspace:
    """Make sure that the workspace may have one row more of a table under row-level security; raises TooMany (409).

    Locks and returns the workspace's settings, so that two who ask at the same time are counted one after the other: where each row
    makes every event dearer.
    """
    workspace = await lock(session)
    if (await session.scalars(select(func.count()).select_from(table))).one() >= most:
        raise TooMany(f"a workspace has at most {most} {what}; delete one first")
    return workspace
