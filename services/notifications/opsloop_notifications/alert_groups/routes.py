"""The HTTP door of routes."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.alert_groups import queries, service
from opsloop_notifications.alert_groups.models import AlertRoute
from opsloop_notifications.alert_groups.schemas import RouteIn, RouteOut, RoutePatch
from opsloop_notifications.shapes import changes_of

router = ApiRouter(tags=["alerts"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")


def _answer(response: Response, route: AlertRoute) -> RouteOut:
    set_etag(response, route.version)
    return RouteOut.model_validate(route)


@router.post("/v1/alert-routes", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_alert_route(body: RouteIn, session: Db, response: Response) -> RouteOut:
    """Say who is told of which alerts, together with which others, and when.

    What no route takes is told to all webhooks that are about alerts, by `alertname` and `kpi`, after PT30S, then every PT5M what is
    new, and every PT4H again.
    """
    route = await service.create_route(session, body.model_dump())
    set_location(response, f"/v1/alert-routes/{route.id}")
    return _answer(response, route)


@router.get("/v1/alert-routes", dependencies=[READ])
async def list_alert_routes(session: Db, who: Who, page: PageQuery) -> Listing[RouteOut]:
    """List routes in the order in which they are asked."""
    rows = await paginate(session, queries.routes(who.workspace), page, by=queries.AS_ASKED)
    return rows.map(RouteOut.model_validate)


@router.get("/v1/alert-routes/{route_id}", dependencies=[READ], responses=problems(404))
async def get_alert_route(route_id: UUID, session: Db, response: Response) -> RouteOut:
    """Show a route."""
    return _answer(response, await queries.get_route(session, route_id))


@router.patch("/v1/alert-routes/{route_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_alert_route(
    route_id: UUID, body: RoutePatch, session: Db, expected: IfMatch, response: Response
) -> RouteOut:
    """Change a route. What fires finds its groups anew; nobody is told again what they know."""
    changes = changes_of(body)
    return _answer(response, await service.change_route(session, route_id, changes, expected=expected))


@router.delete("/v1/alert-routes/{route_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_alert_route(route_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a route away; its alerts take others."""
    await service.delete_route(session, route_id, expected=expected)
