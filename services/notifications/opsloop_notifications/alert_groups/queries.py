"""Everything that reads routes and groups."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.alert_groups.models import AlertGroup, AlertMember, AlertNotice, AlertRoute

AS_ASKED = (AlertRoute.position.asc(), AlertRoute.id.asc())
ROUTES = select(AlertRoute.id).subquery()


def routes(workspace: str) -> Select[AlertRoute]:
    """Return the query of a workspace's routes, to be paged."""
    return select(AlertRoute).where(AlertRoute.workspace == workspace)


async def all_routes(session: AsyncSession) -> Sequence[AlertRoute]:
    """Return the routes of the session's workspace in the order in which they are asked."""
    return (await session.scalars(routes(context_of(session).workspace).order_by(*AS_ASKED))).all()


async def get_route(session: AsyncSession, route_id: UUID) -> AlertRoute:
    """Return a route; raises NotFound."""
    return await resources.get(session, AlertRoute, AlertRoute.id == route_id)


async def find_route(session: AsyncSession, route_id: UUID) -> AlertRoute | None:
    """Return a route, None when it is gone."""
    return await resources.find(session, AlertRoute, AlertRoute.id == route_id)


async def lock_route(session: AsyncSession, route_id: UUID, expected: Precondition) -> AlertRoute:
    """Lock and return a route in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, AlertRoute, AlertRoute.id == route_id, expected=expected)


async def known_keys(session: AsyncSession, keys: Collection[str]) -> set[str]:
    """Return which groups there are of some keys."""
    own = AlertGroup.workspace == context_of(session).workspace
    return set(await session.scalars(select(AlertGroup.key).where(own, AlertGroup.key.in_(keys))))


async def count_groups(session: AsyncSession) -> int:
    """Return how many groups the session's workspace has."""
    own = AlertGroup.workspace == context_of(session).workspace
    return (await session.scalars(select(func.count()).select_from(AlertGroup).where(own))).one()


async def find_and_lock(session: AsyncSession, group_id: UUID) -> AlertGroup | None:
    """Lock and return a group, None when it is gone."""
    own = AlertGroup.workspace == context_of(session).workspace
    query = select(AlertGroup).where(own, AlertGroup.id == group_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def lock_groups(session: AsyncSession) -> Sequence[AlertGroup]:
    """Lock and return all groups of the session's workspace, in the order of their keys."""
    own = AlertGroup.workspace == context_of(session).workspace
    return (await session.scalars(select(AlertGroup).where(own).order_by(AlertGroup.key).with_for_update())).all()


async def members_of(session: AsyncSession, group_ids: Collection[UUID]) -> Sequence[UUID]:
    """Return the ids of the alerts in some groups."""
    own = AlertMember.workspace == context_of(session).workspace
    query = select(AlertMember.alert_id).where(own, AlertMember.group_id.in_(group_ids))
    return (await session.scalars(query.distinct())).all()


async def notices_of(session: AsyncSession, group_key: str) -> dict[UUID, AlertNotice]:
    """Return what receivers were told of a group last, by receiver."""
    own = AlertNotice.workspace == context_of(session).workspace
    rows = await session.scalars(select(AlertNotice).where(own, AlertNotice.group_key == group_key))
    return {row.receiver: row for row in rows}
