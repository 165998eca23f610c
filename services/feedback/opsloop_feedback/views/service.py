"""Use cases of views: kept, and counted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.errors import Conflict
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.filters.rules import read
from opsloop_feedback.items import service as items
from opsloop_feedback.views import queries, rules
from opsloop_feedback.views.models import View


async def create_view(session: AsyncSession, fields: Mapping[str, Any], *, owner: str) -> View:
    """Add a view; raises Invalid (422), TooMany."""
    rules.require_addressable(fields["filters"], fields["sort"])
    await take_place(session, queries.VIEWS, most=limits.VIEWS_PER_WORKSPACE, what="views")
    return resources.create(session, View, **fields, owner=owner)


async def change_view(
    session: AsyncSession, view_id: UUID, changes: Mapping[str, Any], *, owner: str, expected: Precondition
) -> View:
    """Change a view; raises Invalid (422), Conflict (409) where somebody takes for themselves what another made for all."""
    view = await queries.lock_view(session, view_id, owner, expected)
    if changes.get("is_shared") is False and view.owner != owner:
        raise Conflict("Only whoever made a view can take it back from all others.")
    with changing(session, view, changes):
        rules.require_addressable(view.filters, view.sort)
    return view


async def delete_view(session: AsyncSession, view_id: UUID, *, owner: str, expected: Precondition) -> None:
    """Throw a view away; the posts stay."""
    await resources.delete(session, await queries.lock_view(session, view_id, owner, expected))


async def count_views(session: AsyncSession, views: Sequence[View]) -> dict[UUID, tuple[int, bool]]:
    """Return how many posts each view shows, and whether that is exact; in one statement."""
    counted = await items.count_each(session, [read(view.filters) for view in views])
    return {view.id: count for view, count in zip(views, counted, strict=True)}
