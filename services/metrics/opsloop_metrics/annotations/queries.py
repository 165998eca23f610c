"""Everything that reads annotations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_metrics.annotations.models import Annotation
from opsloop_metrics.annotations.rules import MOST_SHOWN, AnnotationSource

LATEST_FIRST = (Annotation.at.desc(), Annotation.id.desc())


def noted(
    *, start: datetime | None, end: datetime | None, source: Sequence[AnnotationSource] = ()
) -> Select[Annotation]:
    """Return the query of the workspace's annotations with `at` in `[start, end)`, of some sources if any are given."""
    query = select(Annotation)
    if start is not None:
        query = query.where(Annotation.at >= start)
    if end is not None:
        query = query.where(Annotation.at < end)
    return query.where(Annotation.source.in_(source)) if source else query


async def between(session: AsyncSession, start: datetime, end: datetime) -> Sequence[Annotation]:
    """Return the latest annotations of `[start, end)`, as many as a picture has room for."""
    wanted = noted(start=start, end=end).order_by(*LATEST_FIRST).limit(MOST_SHOWN)
    return (await session.scalars(wanted)).all()


async def around(
    session: AsyncSession, at: datetime, start: datetime, end: datetime, *, most: int
) -> Sequence[Annotation]:
    """Return the annotations of `[start, end)` that are nearest to a time, at most so many, the earliest first."""
    away = func.abs(func.extract("epoch", Annotation.at) - func.extract("epoch", literal(at)))
    wanted = noted(start=start, end=end).order_by(away, Annotation.id).limit(most)
    return sorted((await session.scalars(wanted)).all(), key=lambda each: (each.at, each.id))


async def is_made_of(session: AsyncSession, event_id: UUID) -> bool:
    """Say whether an event was noted already."""
    return await session.scalar(select(Annotation.id).where(Annotation.event_id == event_id)) is not None


async def get_annotation(session: AsyncSession, annotation_id: UUID) -> Annotation:
    """Return an annotation; raises NotFound."""
    return await resources.get(session, Annotation, Annotation.id == annotation_id)


async def lock_annotation(session: AsyncSession, annotation_id: UUID, expected: Precondition) -> Annotation:
    """Lock and return an annotation in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Annotation, Annotation.id == annotation_id, expected=expected)
