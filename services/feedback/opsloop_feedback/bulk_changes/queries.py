"""Everything that reads bulk changes."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import ANY_VERSION
from opsloop_feedback.bulk_changes.models import BulkChange, BulkChangePost
from opsloop_feedback.bulk_changes.rules import UNFINISHED, BulkOutcome

NEWEST_FIRST = (BulkChange.id.desc(),)
BY_NUMBER = (BulkChangePost.number.asc(),)


def bulk_changes(workspace: str) -> Select[BulkChange]:
    """Return the query of a workspace's bulk changes, to be paged."""
    return select(BulkChange).where(BulkChange.workspace == workspace)


def posts(bulk_change_id: UUID, outcomes: Sequence[BulkOutcome] | None) -> Select[BulkChangePost]:
    """Return the query of what became of a bulk change's posts, to be paged."""
    query = select(BulkChangePost).where(BulkChangePost.bulk_change_id == bulk_change_id)
    return query.where(BulkChangePost.outcome.in_(outcomes)) if outcomes else query


async def get_bulk_change(session: AsyncSession, bulk_change_id: UUID) -> BulkChange:
    """Return a bulk change; raises NotFound."""
    return await resources.get(session, BulkChange, BulkChange.id == bulk_change_id)


async def lock_bulk_change(session: AsyncSession, bulk_change_id: UUID) -> BulkChange:
    """Lock and return a bulk change; raises NotFound."""
    return await resources.lock_for_change(session, BulkChange, BulkChange.id == bulk_change_id, expected=ANY_VERSION)


async def count_unfinished(session: AsyncSession) -> int:
    """Return how many bulk changes of the workspace are under way."""
    own = (BulkChange.workspace == context_of(session).workspace, BulkChange.stage.in_(UNFINISHED))
    return await session.scalar(select(func.count()).select_from(BulkChange).where(*own)) or 0


async def changed_posts(
    session: AsyncSession, bulk_change_id: UUID, *, after: int, limit: int
) -> Sequence[BulkChangePost]:
    """Return posts that a bulk change changed, in the order of their numbers."""
    these = (BulkChangePost.bulk_change_id == bulk_change_id, BulkChangePost.number > after)
    query = select(BulkChangePost).where(*these, BulkChangePost.outcome == BulkOutcome.CHANGED)
    return (await session.scalars(query.order_by(*BY_NUMBER).limit(limit))).all()
