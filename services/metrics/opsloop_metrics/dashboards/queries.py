"""Everything that reads dashboards."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_metrics.dashboards.models import Dashboard

NEWEST_FIRST = (Dashboard.id.desc(),)


def dashboards(*, text: str | None) -> Select[Dashboard]:
    """Return the query of the workspace's dashboards, with a text in name or description if given."""
    query = select(Dashboard)
    if text is None:
        return query
    columns = (Dashboard.name, Dashboard.description)
    return query.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))


async def get_dashboard(session: AsyncSession, dashboard_id: UUID) -> Dashboard:
    """Return a dashboard; raises NotFound."""
    return await resources.get(session, Dashboard, Dashboard.id == dashboard_id)


async def lock_dashboard(session: AsyncSession, dashboard_id: UUID, expected: Precondition) -> Dashboard:
    """Lock and return a dashboard in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Dashboard, Dashboard.id == dashboard_id, expected=expected)
