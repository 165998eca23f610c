"""The HTTP door of the taxonomy."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.taxonomy import queries, service
from opsloop_feedback.taxonomy.models import TaxonomyArea
from opsloop_feedback.taxonomy.schemas import TaxonomyAreaIn, TaxonomyAreaOut, TaxonomyAreaPatch

router = ApiRouter(tags=["triage"])
READ = [allow("feedback:read")]
WRITE = [allow("feedback:write")]


def _answer(response: Response, area: TaxonomyArea) -> TaxonomyAreaOut:
    set_etag(response, area.version)
    return TaxonomyAreaOut.model_validate(area)


@router.post("/v1/taxonomy", status_code=201, dependencies=WRITE, responses=problems(409))
async def create_area(body: TaxonomyAreaIn, session: Db, response: Response) -> TaxonomyAreaOut:
    """Add an area of the product."""
    area = await service.create_area(session, body.model_dump())
    set_location(response, f"/v1/taxonomy/{area.id}")
    return _answer(response, area)


@router.get("/v1/taxonomy", dependencies=READ)
async def list_areas(session: Db, page: PageQuery) -> Listing[TaxonomyAreaOut]:
    """List the areas by name."""
    found = await paginate(session, queries.areas(), page, by=queries.BY_NAME)
    return found.map(TaxonomyAreaOut.model_validate)


@router.get("/v1/taxonomy/{area_id}", dependencies=READ, responses=problems(404))
async def get_area(area_id: UUID, session: Db, response: Response) -> TaxonomyAreaOut:
    """Show an area."""
    return _answer(response, await queries.get_area(session, area_id))


@router.patch("/v1/taxonomy/{area_id}", dependencies=WRITE, responses=problems(404, 409, 412))
async def update_area(
    area_id: UUID, body: TaxonomyAreaPatch, session: Db, expected: IfMatch, response: Response
) -> TaxonomyAreaOut:
    """Change an area's words, or what it belongs to. Posts that were sorted by it stay."""
    changes = body.model_dump(exclude_unset=True)
    return _answer(response, await service.change_area(session, area_id, changes, expected=expected))


@router.delete("/v1/taxonomy/{area_id}", status_code=204, dependencies=WRITE, responses=problems(404, 409, 412))
async def delete_area(area_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw an area away to which none belongs. Posts that were sorted by it stay."""
    await service.delete_area(session, area_id, expected=expected)
