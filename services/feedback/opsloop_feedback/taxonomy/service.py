"""Use cases of the taxonomy: areas are added, moved and thrown away; posts that come in from then on are held against their words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources, workspaces
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.sorter_memory.service import forget_after_commit
from opsloop_feedback.taxonomy import queries, rules
from opsloop_feedback.taxonomy.models import TaxonomyArea
from opsloop_feedback.taxonomy.rules import Areas


async def create_area(session: AsyncSession, fields: Mapping[str, Any]) -> TaxonomyArea:
    """Add an area; raises Invalid (422), Conflict (409) for a name that is taken or too deep a place, TooMany."""
    await take_place(session, queries.AREAS, most=limits.TAXONOMY_AREAS_PER_WORKSPACE, what="areas")
    if await queries.has_named(session, fields["name"]):
        raise Conflict("There is an area of this name.")
    await _require_place(session, uuid7(), fields["parent_id"])
    area = resources.create(session, TaxonomyArea, **fields)
    forget_after_commit(session)
    return area


async def change_area(
    session: AsyncSession, area_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> TaxonomyArea:
    """Change an area; raises Invalid (422), Conflict (409). Posts that were sorted by it stay."""
    if "parent_id" in changes:
        await workspaces.lock(session)  # two that are moved at once could come to belong to each other
    area = await queries.lock_area(session, area_id, expected)
    if "parent_id" in changes:
        await _require_place(session, area_id, changes["parent_id"])
    with changing(session, area, changes) as before:
        if before:
            forget_after_commit(session)
    return area


async def _require_place(session: AsyncSession, area_id: UUID, parent_id: UUID | None) -> None:
    known = await queries.parents(session)
    if parent_id is not None and parent_id not in known.keys() - {area_id}:
        raise Invalid("/parent_id", "must be another area of this workspace")
    rules.require_tree({**known, area_id: parent_id})


async def delete_area(session: AsyncSession, area_id: UUID, *, expected: Precondition) -> None:
    """Throw an area away to which none belongs; raises Conflict (409). Posts that were sorted by it stay."""
    await workspaces.lock(session)
    area = await queries.lock_area(session, area_id, expected)
    if area_id in (await queries.parents(session)).values():
        raise Conflict("Other areas belong to this one; move or delete them first.")
    await resources.delete(session, area)
    forget_after_commit(session)


async def areas(session: AsyncSession) -> Areas | None:
    """Return what posts of the workspace are held against, None where no area has words."""
    return rules.read_areas(await queries.words(session))


async def stamp(session: AsyncSession) -> str:
    """Return what changes whenever `areas` may."""
    return await queries.stamp(session)
