"""The HTTP door of annotations."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_metrics.annotations import queries, service
from opsloop_metrics.annotations.models import Annotation
from opsloop_metrics.annotations.rules import AnnotationSource
from opsloop_metrics.annotations.schemas import AnnotationIn, AnnotationOut, AnnotationPatch

router = ApiRouter(tags=["annotations"])
READ = [allow("metrics:read")]
WRITE = [allow("metrics:write")]


def _answer(response: Response, annotation: Annotation) -> AnnotationOut:
    set_etag(response, annotation.version)
    return AnnotationOut.model_validate(annotation)


@router.post("/v1/annotations", status_code=201, dependencies=WRITE)
async def create_annotation(body: AnnotationIn, session: Db, response: Response) -> AnnotationOut:
    """Note something that happened: pictures over time show it."""
    annotation = await service.create_annotation(session, body.at, body.text, link=body.link)
    set_location(response, f"/v1/annotations/{annotation.id}")
    return _answer(response, annotation)


@router.get("/v1/annotations", dependencies=READ)
async def list_annotations(
    session: Db,
    page: PageQuery,
    start: Annotated[Timestamp | None, Query(alias="from")] = None,
    to: Annotated[Timestamp | None, Query()] = None,
    source: Annotated[list[AnnotationSource] | None, Query(description="One or several of these.")] = None,
) -> Listing[AnnotationOut]:
    """List annotations, the latest first; `from` inclusive, `to` exclusive."""
    wanted = queries.noted(start=start, end=to, source=source or ())
    found = await paginate(session, wanted, page, by=queries.LATEST_FIRST)
    return found.map(AnnotationOut.model_validate)


@router.get("/v1/annotations/{annotation_id}", dependencies=READ, responses=problems(404))
async def get_annotation(annotation_id: UUID, session: Db, response: Response) -> AnnotationOut:
    """Show an annotation."""
    return _answer(response, await queries.get_annotation(session, annotation_id))


@router.patch("/v1/annotations/{annotation_id}", dependencies=WRITE, responses=problems(404, 412))
async def update_annotation(
    annotation_id: UUID, body: AnnotationPatch, session: Db, expected: IfMatch, response: Response
) -> AnnotationOut:
    """Change an annotation, whoever made it."""
    changes = body.model_dump(exclude_unset=True)
    return _answer(response, await service.change_annotation(session, annotation_id, changes, expected=expected))


@router.delete("/v1/annotations/{annotation_id}", status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_annotation(annotation_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw an annotation away, whoever made it."""
    await service.delete_annotation(session, annotation_id, expected=expected)
