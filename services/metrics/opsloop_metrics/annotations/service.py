"""Use cases of annotations: note, change, throw away, and what the service notes by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_metrics.annotations import queries
from opsloop_metrics.annotations.models import Annotation
from opsloop_metrics.annotations.rules import AnnotationSource, Noted


async def create_annotation(session: AsyncSession, at: datetime, text: str, *, link: str | None) -> Annotation:
    """Note something that happened."""
    return resources.create(
        session, Annotation, at=at, text=text, link=link, source=AnnotationSource.PERSON, event_id=None
    )


async def change_annotation(
    session: AsyncSession, annotation_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Annotation:
    """Change an annotation."""
    annotation = await queries.lock_annotation(session, annotation_id, expected)
    with changing(session, annotation, changes):
        return annotation


async def delete_annotation(session: AsyncSession, annotation_id: UUID, *, expected: Precondition) -> None:
    """Throw an annotation away; one of the service's own does not come back."""
    await resources.delete(session, await queries.lock_annotation(session, annotation_id, expected))


async def note_event(
    session: AsyncSession, event_id: UUID, at: datetime, text: str, *, source: AnnotationSource
) -> None:
    """Note an event of another service, once however often it is heard."""
    if await queries.is_made_of(session, event_id):
        return
    resources.create(session, Annotation, at=at, text=text, link=None, source=source, event_id=event_id)


async def between(session: AsyncSession, start: datetime, end: datetime) -> Sequence[Annotation]:
    """Return the latest annotations of `[start, end)`, as many as a picture has room for."""
    return await queries.between(session, start, end)


async def around(session: AsyncSession, at: datetime, start: datetime, end: datetime, *, most: int) -> Sequence[Noted]:
    """Return the annotations of `[start, end)` that are nearest to a time, at most so many, the earliest first."""
    found = await queries.around(session, at, start, end, most=most)
    return [Noted(each.id, each.at, each.text, each.link, AnnotationSource(each.source)) for each in found]
