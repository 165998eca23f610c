"""Use cases of clusters: what people say about a topic, and what its members come to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_feedback.cluster_members import service as members
from opsloop_feedback.cluster_members.service import ClusterMember, Counted
from opsloop_feedback.clusters import queries, rules
from opsloop_feedback.clusters.models import Cluster
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback


@dataclass(frozen=True)
class Member:
    """A member, and the post that it is."""

    member: ClusterMember
    feedback: Feedback


async def change_cluster(
    session: AsyncSession, cluster_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Cluster:
    """Name or dismiss a topic; raises NotFound, StaleVersion."""
    cluster = await queries.lock_cluster(session, cluster_id, expected)
    with changing(session, cluster, changes):
        pass
    return cluster


async def set_excluded(session: AsyncSession, cluster_id: UUID, feedback_id: UUID, *, is_excluded: bool) -> Cluster:
    """Take a post out of a topic or let it in again, and count anew; raises NotFound."""
    cluster = await queries.lock_cluster(session, cluster_id, ANY_VERSION)
    await members.set_excluded(session, cluster_id, feedback_id, is_excluded=is_excluded)
    await recount(session, [cluster])
    return cluster


async def recount(session: AsyncSession, clusters: Collection[Cluster]) -> None:
    """Write down what the members of topics come to now; who calls holds the topics."""
    now = clock_of(session).now()
    counted = await members.count(session, since=now - rules.WEEK, cluster_ids=[one.id for one in clusters])
    for cluster in clusters:
        changes = _numbers(cluster, counted.get(cluster.id))
        if any(getattr(cluster, name) != value for name, value in changes.items()):
            for name, value in changes.items():
                setattr(cluster, name, value)
            cluster.version += 1
            cluster.updated_at = now


def _numbers(cluster: Cluster, counted: Counted | None) -> dict[str, Any]:
    if counted is None:
        return dict.fromkeys(("posts", "this_week", "before", "authors", "s1", "s2", "s3", "s4"), 0) | {"rising": 0.0}
    before = counted.posts - counted.this_week
    same = {name: getattr(counted, name) for name in ("posts", "this_week", "authors", "s1", "s2", "s3", "s4")}
    return same | {
        "before": before,
        "rising": rules.rising(counted.this_week, before),
        "first_at": min(cluster.first_at, counted.first_at),
        "last_at": counted.last_at,
    }


async def forget_posts(session: AsyncSession, feedback_ids: Sequence[UUID]) -> None:
    """Let posts belong to no topic; what tells the topics that they were of is found anew within the hour. Twice is once."""
    gone = await members.let_go(session, feedback_ids)
    touched = [one for one in (await queries.lock_clusters(session)).values() if one.id in gone]
    for cluster in touched:
        cluster.terms, cluster.examples = [], []
    await recount(session, touched)


async def with_posts(session: AsyncSession, found: Sequence[ClusterMember]) -> list[Member]:
    """Return members with the posts that they are."""
    known = {one.id: one for one in await items.some_feedback(session, [one.feedback_id for one in found])}
    return [Member(one, known[one.feedback_id]) for one in found if one.feedback_id in known]
