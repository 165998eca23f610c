"""Everything that reads views."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_feedback.views.models import View

NEWEST_FIRST = (View.id.desc(),)
VIEWS = select(View.id).subquery()


def views(workspace: str, owner: str) -> Select[View]:
    """Return the query of the views that somebody sees, to be paged: their own and those that are shared."""
    return select(View).where(View.workspace == workspace, _seen_by(owner))


async def get_view(session: AsyncSession, view_id: UUID, owner: str) -> View:
    """Return a view that somebody sees; raises NotFound."""
    return await resources.get(session, View, View.id == view_id, _seen_by(owner))


async def lock_view(session: AsyncSession, view_id: UUID, owner: str, expected: Precondition) -> View:
    """Lock and return a view that somebody sees, in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, View, View.id == view_id, _seen_by(owner), expected=expected)


def _seen_by(owner: str) -> ColumnElement[bool]:
    return or_(View.is_shared, View.owner == owner)
