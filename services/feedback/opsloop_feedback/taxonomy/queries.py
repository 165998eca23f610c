"""Everything that reads areas."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.taxonomy.models import TaxonomyArea

BY_NAME = (TaxonomyArea.name.asc(), TaxonomyArea.id.asc())
AREAS = select(TaxonomyArea.id).subquery()


def areas() -> Select[TaxonomyArea]:
    """Return the query of the workspace's areas."""
    return select(TaxonomyArea)


async def words(session: AsyncSession) -> list[tuple[str, list[str]]]:
    """Return the words of the workspace's areas, by name."""
    own = TaxonomyArea.workspace == context_of(session).workspace
    rows = await session.execute(select(TaxonomyArea.name, TaxonomyArea.words).where(own).order_by(*BY_NAME))
    return [(row.name, row.words) for row in rows]


async def parents(session: AsyncSession) -> Mapping[UUID, UUID | None]:
    """Return what each of the workspace's areas belongs to."""
    own = TaxonomyArea.workspace == context_of(session).workspace
    rows = await session.execute(select(TaxonomyArea.id, TaxonomyArea.parent_id).where(own))
    return {row.id: row.parent_id for row in rows}


async def stamp(session: AsyncSession) -> str:
    """Return what changes whenever an area of the workspace does."""
    own = TaxonomyArea.workspace == context_of(session).workspace
    told = func.concat(func.count(), ":", func.sum(TaxonomyArea.version), ":", func.max(TaxonomyArea.updated_at))
    return str(await session.scalar(select(told).where(own)))


async def has_named(session: AsyncSession, name: str) -> bool:
    """Say whether the workspace has an area of a name."""
    own = (TaxonomyArea.workspace == context_of(session).workspace, TaxonomyArea.name == name)
    return (await session.scalars(select(TaxonomyArea.id).where(*own))).first() is not None


async def get_area(session: AsyncSession, area_id: UUID) -> TaxonomyArea:
    """Return an area; raises NotFound."""
    return await resources.get(session, TaxonomyArea, TaxonomyArea.id == area_id)


async def lock_area(session: AsyncSession, area_id: UUID, expected: Precondition) -> TaxonomyArea:
    """Lock and return an area in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, TaxonomyArea, TaxonomyArea.id == area_id, expected=expected)
