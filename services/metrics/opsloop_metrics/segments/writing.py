"""Writes who came into a segment and who left it, in bulk, with the events that tell of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.contracts.metrics import SegmentEntered, SegmentLeft
from opsloop_metrics.segments import rules
from opsloop_metrics.segments.models import Segment
from opsloop_metrics.segments.rules import Difference

_ENTER = text(
    "INSERT INTO segment_member (segment_id, person_id, workspace, user_id, entered_at) "
    "SELECT :segment_id, person_id, :workspace, user_id, :at "
    "FROM unnest(CAST(:persons AS uuid[]), CAST(:users AS text[])) AS n(person_id, user_id) ON CONFLICT DO NOTHING"
)
_LEAVE = text("DELETE FROM segment_member WHERE segment_id = :segment_id AND person_id = ANY(CAST(:persons AS uuid[]))")
_RENAME = text(
    "UPDATE segment_member AS m SET user_id = n.user_id "
    "FROM unnest(CAST(:persons AS uuid[]), CAST(:users AS text[])) AS n(person_id, user_id) "
    "WHERE m.segment_id = :segment_id AND m.person_id = n.person_id"
)
# of several who are one now, the one who came first says since when
_MOVE = text(
    "WITH gone AS (DELETE FROM segment_member WHERE segment_id = :segment_id AND person_id = ANY(CAST(:gone AS uuid[])) "
    "RETURNING person_id, workspace, user_id, entered_at) "
    "INSERT INTO segment_member AS m (segment_id, person_id, workspace, user_id, entered_at) "
    "SELECT :segment_id, n.living, gone.workspace, min(gone.user_id), min(gone.entered_at) "
    "FROM gone JOIN unnest(CAST(:gone AS uuid[]), CAST(:living AS uuid[])) AS n(gone, living) ON n.gone = gone.person_id "
    "GROUP BY n.living, gone.workspace "
    "ON CONFLICT (segment_id, person_id) DO UPDATE SET entered_at = least(m.entered_at, excluded.entered_at)"
)


async def move(session: AsyncSession, segment_id: UUID, became: Mapping[UUID, UUID]) -> None:
    """Have the living stand for those who were found to be them."""
    if became:
        given = {"segment_id": segment_id, "gone": list(became), "living": list(became.values())}
        await session.execute(_MOVE, given)


async def write(session: AsyncSession, segment: Segment, found: Difference, *, at: datetime) -> None:
    """Write what a bucket's refresh changes, and tell of those who came and left; those who are gone nobody is told of."""
    own = {"segment_id": segment.id}
    if found.entering:
        given = {"persons": list(found.entering), "users": list(found.entering.values()), "at": at}
        await session.execute(_ENTER, own | given | {"workspace": segment.workspace})
    if out := [*found.leaving, *found.gone]:
        await session.execute(_LEAVE, own | {"persons": out})
    if found.renamed:
        given = {"persons": list(found.renamed), "users": list(found.renamed.values())}
        await session.execute(_RENAME, own | given)
    tell(session, segment, SegmentEntered, found.entering.values(), at=at)
    tell(session, segment, SegmentLeft, found.leaving.values(), at=at)


def tell(
    session: AsyncSession,
    segment: Segment,
    kind: type[SegmentEntered] | type[SegmentLeft],
    user_ids: Collection[str],
    *,
    at: datetime,
) -> None:
    """Tell who came or left, at most 500 an event."""
    for chunk in rules.chunks(user_ids):
        outbox.append(session, kind(segment_id=segment.id, name=segment.name, user_ids=chunk, as_of=at))
