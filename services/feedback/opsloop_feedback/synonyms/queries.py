"""What is read of synonyms."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.synonyms.models import SynonymGroup

NEWEST_FIRST = (SynonymGroup.id.desc(),)


def groups(workspace: str) -> Select[SynonymGroup]:
    """Return the statement for a workspace's groups, to be paged by `NEWEST_FIRST`."""
    return select(SynonymGroup).where(SynonymGroup.workspace == workspace)


async def all_terms(session: AsyncSession) -> tuple[tuple[str, ...], ...]:
    """Return the workspace's groups, the oldest first."""
    found = await session.scalars(
        select(SynonymGroup.terms)
        .where(SynonymGroup.workspace == context_of(session).workspace)
        .order_by(SynonymGroup.id)
    )
    return tuple(tuple(terms) for terms in found)


async def get_group(session: AsyncSession, synonym_id: UUID) -> SynonymGroup:
    """Return one group; raises NotFound."""
    return await resources.get(session, SynonymGroup, SynonymGroup.id == synonym_id)


async def lock_group(session: AsyncSession, synonym_id: UUID, expected: Precondition) -> SynonymGroup:
    """Lock and return one group in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, SynonymGroup, SynonymGroup.id == synonym_id, expected=expected)
