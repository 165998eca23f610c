"""Everything that reads clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.clusters.models import Cluster
from opsloop_feedback.clusters.rules import Order

ORDERS: Mapping[Order, Sequence[ColumnElement[Any]]] = {
    Order.RISING: (Cluster.rising.desc(), Cluster.id.desc()),
    Order.LARGEST: (Cluster.posts.desc(), Cluster.id.desc()),
    Order.LATEST: (Cluster.last_at.desc(), Cluster.id.desc()),
}


def clusters(workspace: str, *, is_dismissed: bool) -> Select[Cluster]:
    """Return the query of a workspace's topics that somebody still speaks of, to be paged."""
    return select(Cluster).where(
        Cluster.workspace == workspace, Cluster.is_dismissed == is_dismissed, Cluster.posts > 0
    )


async def get_cluster(session: AsyncSession, cluster_id: UUID) -> Cluster:
    """Return a topic; raises NotFound."""
    return await resources.get(session, Cluster, Cluster.id == cluster_id)


async def lock_cluster(session: AsyncSession, cluster_id: UUID, expected: Precondition) -> Cluster:
    """Lock and return a topic in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Cluster, Cluster.id == cluster_id, expected=expected)


async def lock_clusters(session: AsyncSession) -> dict[UUID, Cluster]:
    """Lock and return all topics of the workspace."""
    own = Cluster.workspace == context_of(session).workspace
    return {one.id: one for one in await resources.lock_all(session, Cluster, own)}
