"""Everything that reads saved insights."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_metrics.saved_insights.models import SavedInsight
from opsloop_metrics.saved_insights.rules import InsightKind

NEWEST_FIRST = (SavedInsight.id.desc(),)


def insights(*, kind: Sequence[InsightKind], text: str | None) -> Select[SavedInsight]:
    """Return the query of the workspace's insights: of some kinds, and with a text in name or description, where given."""
    query = select(SavedInsight)
    if kind:
        query = query.where(SavedInsight.kind.in_(kind))
    if text is None:
        return query
    return query.where(
        or_(
            SavedInsight.name.icontains(text, autoescape=True),
            SavedInsight.description.icontains(text, autoescape=True),
        )
    )


async def get_insight(session: AsyncSession, insight_id: UUID) -> SavedInsight:
    """Return an insight; raises NotFound."""
    return await resources.get(session, SavedInsight, SavedInsight.id == insight_id)


async def lock_insight(session: AsyncSession, insight_id: UUID, expected: Precondition) -> SavedInsight:
    """Lock and return an insight in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, SavedInsight, SavedInsight.id == insight_id, expected=expected)


async def hold(session: AsyncSession, insight_id: UUID) -> bool:
    """Say whether an insight is there; nobody deletes it before the transaction ends."""
    held = select(SavedInsight.id).where(SavedInsight.id == insight_id).with_for_update(read=True, key_share=True)
    return await session.scalar(held) is not None


async def known(session: AsyncSession, insight_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some ids name insights of the workspace."""
    return set(await session.scalars(select(SavedInsight.id).where(SavedInsight.id.in_(insight_ids))))
