"""Everything of members of clusters that says SELECT."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_feedback.cluster_members.models import ClusterMember

NEWEST_FIRST = (ClusterMember.said_at.desc(), ClusterMember.feedback_id.desc())


@dataclass(frozen=True)
class Counted:
    """What the members of a topic come to; `posts` is the sum of this week and before, and of all severities."""

    cluster_id: UUID
    posts: int
    this_week: int
    authors: int
    s1: int
    s2: int
    s3: int
    s4: int
    first_at: datetime
    last_at: datetime


def members(workspace: str, cluster_id: UUID) -> Select[ClusterMember]:
    """Return the query of a topic's members, to be paged."""
    return select(ClusterMember).where(ClusterMember.workspace == workspace, ClusterMember.cluster_id == cluster_id)


def posts_of(cluster_ids: Collection[UUID]) -> Select[UUID]:
    """Return the query of the posts that belong to some topics of the workspace that asks."""
    return select(ClusterMember.feedback_id).where(
        ClusterMember.cluster_id.in_(cluster_ids), ~ClusterMember.is_excluded
    )


async def all_members(session: AsyncSession) -> dict[UUID, tuple[UUID, bool]]:
    """Return the topic of each post of the workspace that has one, and whether it was taken out of it."""
    own = ClusterMember.workspace == context_of(session).workspace
    columns = (ClusterMember.feedback_id, ClusterMember.cluster_id, ClusterMember.is_excluded)
    found = await session.execute(select(*columns).where(own))
    return {id: (cluster_id, is_excluded) for id, cluster_id, is_excluded in found}


async def find_member(session: AsyncSession, cluster_id: UUID, feedback_id: UUID) -> ClusterMember | None:
    """Return a member of a topic, locked, or None."""
    named = members(context_of(session).workspace, cluster_id).where(ClusterMember.feedback_id == feedback_id)
    return (await session.scalars(named.with_for_update(key_share=True))).one_or_none()


async def count(
    session: AsyncSession, *, since: datetime, cluster_ids: Collection[UUID] | None = None
) -> dict[UUID, Counted]:
    """Count the members of topics, those said `since` apart; a topic without any is left out."""
    severities = [func.count().filter(ClusterMember.severity == each).label(each) for each in ("s1", "s2", "s3", "s4")]
    named = () if cluster_ids is None else (ClusterMember.cluster_id == any_(literal(list(cluster_ids), ARRAY(Uuid))),)
    found = await session.execute(
        select(
            ClusterMember.cluster_id,
            func.count(),
            func.count().filter(ClusterMember.said_at >= since),
            func.count(ClusterMember.author.distinct()),
            *severities,
            func.min(ClusterMember.said_at),
            func.max(ClusterMember.said_at),
        )
        .where(ClusterMember.workspace == context_of(session).workspace, ~ClusterMember.is_excluded, *named)
        .group_by(ClusterMember.cluster_id)
    )
    return {row[0]: Counted(*tuple(row)) for row in found}
