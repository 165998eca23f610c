"""Use cases of members of clusters."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Text, Uuid, any_, cast, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.columns import Moment
from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_feedback.cluster_members import queries
from opsloop_feedback.cluster_members.models import ClusterMember as ClusterMember
from opsloop_feedback.cluster_members.queries import NEWEST_FIRST as NEWEST_FIRST
from opsloop_feedback.cluster_members.queries import Counted as Counted
from opsloop_feedback.cluster_members.queries import all_members as all_members
from opsloop_feedback.cluster_members.queries import count as count
from opsloop_feedback.cluster_members.queries import members as members
from opsloop_feedback.cluster_members.queries import posts_of as posts_of

AT_ONCE = 5_000


@dataclass(frozen=True)
class Joining:
    """A post as it belongs to a topic."""

    feedback_id: UUID
    cluster_id: UUID
    said_at: datetime
    severity: str
    author: str


async def keep(session: AsyncSession, wanted: Sequence[Joining]) -> None:
    """Let these be the members there are; those that were taken out stay so while their posts are of these weeks."""
    workspace = context_of(session).workspace
    for start in range(0, len(wanted), AT_ONCE):
        await _write(session, wanted[start : start + AT_ONCE], workspace)


async def _write(session: AsyncSession, some: Sequence[Joining], workspace: str) -> None:
    columns = (
        cast([one.feedback_id for one in some], ARRAY(Uuid)),
        cast([one.cluster_id for one in some], ARRAY(Uuid)),
        cast([one.said_at for one in some], ARRAY(Moment)),
        cast([one.severity for one in some], ARRAY(Text)),
        cast([digest(workspace, one.author) for one in some], ARRAY(LargeBinary)),
    )
    names = ("feedback_id", "cluster_id", "said_at", "severity", "author")
    given = func.unnest(*columns).table_valued(*names).render_derived(name="given")
    rows = select(literal(workspace), literal(False), *(given.c[name] for name in names))
    written = insert(ClusterMember).from_select(["workspace", "is_excluded", *names], rows)
    new = {name: written.excluded[name] for name in names[1:]}
    changed = func.row(*(getattr(ClusterMember, name) for name in new)).is_distinct_from(func.row(*new.values()))
    await session.execute(
        written.on_conflict_do_update(
            index_elements=["feedback_id"], set_=new, where=changed & ~ClusterMember.is_excluded
        )
    )


async def let_go(session: AsyncSession, feedback_ids: Collection[UUID]) -> set[UUID]:
    """Let posts belong to no topic any more; returns the topics that lost some."""
    gone: set[UUID] = set()
    ids = list(feedback_ids)
    for start in range(0, len(ids), AT_ONCE):
        named = ClusterMember.feedback_id == any_(literal(ids[start : start + AT_ONCE], ARRAY(Uuid)))
        own = ClusterMember.workspace == context_of(session).workspace
        statement = delete(ClusterMember).where(own, named).returning(ClusterMember.cluster_id)
        gone.update(await session.scalars(statement.execution_options(synchronize_session=False)))
    return gone


async def set_excluded(session: AsyncSession, cluster_id: UUID, feedback_id: UUID, *, is_excluded: bool) -> None:
    """Take a post out of a topic, or let it belong to it again; raises NotFound."""
    member = await queries.find_member(session, cluster_id, feedback_id)
    if member is None:
        raise NotFound("This cluster has no such post.")
    member.is_excluded = is_excluded
    await session.flush()  # it is counted right afterwards


def digest(workspace: str, author: str) -> bytes:
    """Return what is kept of who said something."""
    return hashlib.blake2b(
        author.encode("utf-8", "surrogatepass"), key=workspace.encode()[:64], digest_size=12
    ).digest()
