"""The HTTP door of dashboards."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Asked, Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import ShortText
from opsloop_metrics.dashboards import queries, service
from opsloop_metrics.dashboards.models import Dashboard
from opsloop_metrics.dashboards.schemas import (
    DashboardDataOut,
    DashboardIn,
    DashboardOut,
    DashboardPatch,
    TileAnswerOut,
)

router = ApiRouter(tags=["dashboards"])
READ = [allow("metrics:read")]
WRITE = [allow("metrics:write")]


def _answer(response: Response, dashboard: Dashboard) -> DashboardOut:
    set_etag(response, dashboard.version)
    return DashboardOut.model_validate(dashboard)


@router.post("/v1/dashboards", status_code=201, dependencies=WRITE)
async def create_dashboard(body: DashboardIn, session: Db, response: Response) -> DashboardOut:
    """Put saved insights side by side."""
    dashboard = await service.create_dashboard(
        session,
        name=body.name,
        description=body.description,
        tiles=[tile.model_dump(mode="json") for tile in body.tiles],
    )
    set_location(response, f"/v1/dashboards/{dashboard.id}")
    return _answer(response, dashboard)


@router.get("/v1/dashboards", dependencies=READ)
async def list_dashboards(
    session: Db,
    page: PageQuery,
    text: Annotated[ShortText | None, Query(description="In the name or the description.")] = None,
) -> Listing[DashboardOut]:
    """List dashboards, newest first."""
    found = await paginate(session, queries.dashboards(text=text), page, by=queries.NEWEST_FIRST)
    return found.map(DashboardOut.model_validate)


@router.get("/v1/dashboards/{dashboard_id}", dependencies=READ, responses=problems(404))
async def get_dashboard(dashboard_id: UUID, session: Db, response: Response) -> DashboardOut:
    """Show what stands on a dashboard."""
    return _answer(response, await queries.get_dashboard(session, dashboard_id))


@router.get("/v1/dashboards/{dashboard_id}/data", dependencies=READ, responses=problems(404))
async def get_dashboard_data(dashboard_id: UUID, call: Asked) -> DashboardDataOut:
    """Answer all tiles of a dashboard, each with its answer or its own error. An answer is at most a minute old."""

    def open_session() -> AsyncSession:
        return call.runtime.db.reading(call.context)

    async with open_session() as session:  # given back before the tiles take theirs
        dashboard = await queries.get_dashboard(session, dashboard_id)
    tiles = await service.answers(open_session, dashboard.tiles)
    shown = [TileAnswerOut.model_validate(tile) for tile in tiles]
    return DashboardDataOut(id=dashboard.id, name=dashboard.name, tiles=shown)


@router.patch("/v1/dashboards/{dashboard_id}", dependencies=WRITE, responses=problems(404, 412))
async def update_dashboard(
    dashboard_id: UUID, body: DashboardPatch, session: Db, expected: IfMatch, response: Response
) -> DashboardOut:
    """Change a dashboard."""
    changes = body.model_dump(mode="json", exclude_unset=True)
    return _answer(response, await service.change_dashboard(session, dashboard_id, changes, expected=expected))


@router.delete("/v1/dashboards/{dashboard_id}", status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_dashboard(dashboard_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a dashboard away; its insights stay."""
    await service.delete_dashboard(session, dashboard_id, expected=expected)
