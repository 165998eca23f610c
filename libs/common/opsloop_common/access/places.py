"""How many of something a workspace may have, where each one makes every event dearer."""

from __future__ import annotations

from sqlalchemy import FromClause, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import workspaces
from opsloop_common.access.workspaces import Workspace
from opsloop_common.errors import TooMany


async def take_place(session: AsyncSession, table: FromClause, *, most: int, what: str) -> Workspace:
    """Make sure that the workspace may have one row more of a table under row-level security; raises TooMany (409).

    Locks and returns the workspace's settings, so that two who ask at the same time are counted one after the other.
    """
    workspace = await workspaces.lock(session)
    if (await session.scalars(select(func.count()).select_from(table))).one() >= most:
        raise TooMany(f"a workspace has at most {most} {what}; delete one first")
    return workspace
