"""Everything that reads segments and their members."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, any_, func, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_metrics.cohorts.rules import Bucket, asked_by
from opsloop_metrics.segments.models import Segment, SegmentMember
from opsloop_metrics.segments.rules import SegmentKind

# without a join: nobody knows how many there are before they are read, and a plan for a few took 13 s for 12,000
_CHANGED = text(
    "SELECT id, max(held), bool_or(is_wanted), max(living) FROM ("
    "SELECT person_id AS id, user_id AS held, false AS is_wanted, NULL AS living FROM segment_member "
    "WHERE segment_id = :segment_id AND person_id BETWEEN :low AND :high "
    "UNION ALL SELECT unnest(CAST(:wanted AS uuid[])), NULL, true, NULL "
    "UNION ALL SELECT id, NULL, false, user_id FROM person WHERE id BETWEEN :low AND :high AND workspace = :workspace"
    ") AS told GROUP BY id HAVING (bool_or(is_wanted) OR max(held) IS NOT NULL) "
    "AND (NOT bool_or(is_wanted) OR max(held) IS DISTINCT FROM max(living))"
)
NEWEST_FIRST = (Segment.id.desc(),)
IN_ORDER = (SegmentMember.entered_at.asc(), SegmentMember.person_id.asc())


def _own(session: AsyncSession) -> ColumnElement[bool]:
    return Segment.workspace == context_of(session).workspace


def segments(*, kind: SegmentKind | None, text: str | None) -> Select[Segment]:
    """Return the query of the workspace's segments: of a kind, and with a text in name or description, where given."""
    query = select(Segment)
    if kind is not None:
        query = query.where(Segment.kind == kind)
    if text is None:
        return query
    return query.where(
        or_(Segment.name.icontains(text, autoescape=True), Segment.description.icontains(text, autoescape=True))
    )


async def get_segment(session: AsyncSession, segment_id: UUID) -> Segment:
    """Return a segment; raises NotFound."""
    return await resources.get(session, Segment, Segment.id == segment_id)


async def lock_segment(session: AsyncSession, segment_id: UUID, expected: Precondition = ANY_VERSION) -> Segment:
    """Lock and return a segment in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Segment, Segment.id == segment_id, expected=expected)


async def find_locked(session: AsyncSession, segment_id: UUID) -> Segment | None:
    """Lock and return a segment, or None where it is gone."""
    return await resources.find_for_change(session, Segment, Segment.id == segment_id)


async def lock_those_without(session: AsyncSession, user_ids: Collection[str]) -> list[Segment]:
    """Lock and return the segments whose definition leaves one of some users out by name."""
    excluded = func.jsonb_extract_path(Segment.definition, "exclude", "user_ids")
    named = func.jsonb_exists_any(excluded, literal(list(user_ids), ARRAY(Text)))
    return await resources.lock_all(session, Segment, named)


async def asked(session: AsyncSession) -> dict[UUID, frozenset[UUID]]:
    """Return for each segment of the workspace those that it asks for."""
    path = literal(["exclude", "user_ids"], ARRAY(Text))  # as many as a thousand, which nobody asks about here
    query = select(Segment.id, Segment.definition.op("#-")(path)).where(_own(session))
    return {id: asked_by(stored) for id, stored in await session.execute(query)}


async def stale_among(session: AsyncSession, segment_ids: Collection[UUID]) -> bool:
    """Say whether one of some segments has to be refreshed."""
    query = select(Segment.id).where(Segment.id.in_(segment_ids), or_(Segment.is_stale, Segment.as_of.is_not(None)))
    return await session.scalar(select(query.exists())) is True


def members(segment_id: UUID, *, entered_from: datetime | None) -> Select[SegmentMember]:
    """Return the query of a segment's members, of those who came then or later where that is given, for `IN_ORDER`."""
    query = select(SegmentMember).where(SegmentMember.segment_id == segment_id)
    return query if entered_from is None else query.where(SegmentMember.entered_at >= entered_from)


async def held(session: AsyncSession, segment_id: UUID, bucket: Bucket) -> dict[UUID, str]:
    """Return who of a bucket is in a segment, and what they were called by."""
    query = select(SegmentMember.person_id, SegmentMember.user_id).where(
        SegmentMember.segment_id == segment_id, SegmentMember.person_id.between(bucket.low, bucket.high)
    )
    return dict((await session.execute(query)).all())


@dataclass(frozen=True)
class Compared:
    """Of those with whom not all is as it was: whom the segment has and by what name, who is wanted, what the living are called."""

    held: dict[UUID, str]
    wanted: set[UUID]
    living: dict[UUID, str]


async def compare(session: AsyncSession, segment_id: UUID, bucket: Bucket, wanted: Collection[str]) -> Compared:
    """Compare who of a bucket is in a segment with who is to be; whoever stays as they are never leaves the database."""
    given = {"segment_id": segment_id, "low": bucket.low, "high": bucket.high, "wanted": list(wanted)}
    rows = (await session.execute(_CHANGED, given | {"workspace": context_of(session).workspace})).all()
    return Compared(
        {who: held for who, held, _, _ in rows if held is not None},
        {who for who, _, is_wanted, _ in rows if is_wanted},
        {who: living for who, _, _, living in rows if living is not None},
    )


async def among(session: AsyncSession, segment_id: UUID, person_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some people are in a segment."""
    wanted = SegmentMember.segment_id == segment_id, SegmentMember.person_id == any_(literal(list(person_ids)))
    return set(await session.scalars(select(SegmentMember.person_id).where(*wanted)))


async def count_members(session: AsyncSession, segment_id: UUID) -> int:
    """Return how many people are in a segment."""
    return await session.scalar(select(func.count()).where(SegmentMember.segment_id == segment_id)) or 0


async def has_listed(session: AsyncSession, user_id: str) -> bool:
    """Say whether a segment has somebody of this id."""
    query = select(SegmentMember.segment_id).where(
        SegmentMember.workspace == context_of(session).workspace, SegmentMember.user_id == user_id
    )
    return await session.scalar(select(query.exists())) is True
