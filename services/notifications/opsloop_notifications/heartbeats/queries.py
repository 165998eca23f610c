"""Everything that reads heartbeats."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.heartbeats.models import Heartbeat

NEWEST_FIRST = (Heartbeat.id.desc(),)
HEARTBEATS = select(Heartbeat.id).subquery()


def heartbeats(workspace: str) -> Select[Heartbeat]:
    """Return the query of a workspace's heartbeats, to be paged."""
    return select(Heartbeat).where(Heartbeat.workspace == workspace)


async def has_named(session: AsyncSession, name: str) -> bool:
    """Say whether the session's workspace has a heartbeat of a name."""
    query = heartbeats(context_of(session).workspace).where(Heartbeat.name == name)
    return (await session.scalars(query)).first() is not None


async def get_heartbeat(session: AsyncSession, heartbeat_id: UUID) -> Heartbeat:
    """Return a heartbeat; raises NotFound."""
    return await resources.get(session, Heartbeat, Heartbeat.id == heartbeat_id)


async def find_and_lock(session: AsyncSession, heartbeat_id: UUID) -> Heartbeat | None:
    """Lock and return a heartbeat, None when it is gone."""
    return await resources.find_for_change(session, Heartbeat, Heartbeat.id == heartbeat_id)


async def lock_heartbeat(session: AsyncSession, heartbeat_id: UUID, expected: Precondition) -> Heartbeat:
    """Lock and return a heartbeat in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Heartbeat, Heartbeat.id == heartbeat_id, expected=expected)
