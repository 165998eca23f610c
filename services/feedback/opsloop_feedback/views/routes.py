"""The HTTP doors of views."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.access.principal import Principal
from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.filters.rules import query_of
from opsloop_feedback.views import queries, rules, service
from opsloop_feedback.views.models import View
from opsloop_feedback.views.schemas import ViewCount, ViewIn, ViewListing, ViewOut, ViewPatch

router = ApiRouter(tags=["views"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _owner(who: Principal) -> str:
    return rules.owner_of(actor=who.actor, source=who.source)


def _shaped(view: View, owner: str) -> ViewOut:
    shown = {name: getattr(view, name) for name in ViewOut.model_fields if hasattr(view, name)}
    return ViewOut(**shown, query=query_of(view.filters, view.sort), is_mine=view.owner == owner)


def _answer(response: Response, view: View, owner: str) -> ViewOut:
    set_etag(response, view.version)
    return _shaped(view, owner)


def _changes(body: ViewPatch) -> dict[str, Any]:
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    return changes | ({"filters": changes["filters"].document()} if "filters" in changes else {})


@router.post("/v1/views", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_view(body: ViewIn, session: Db, who: Who, response: Response) -> ViewOut:
    """Keep filters and an order of the list of feedback under a name, for oneself or for all."""
    fields = {"name": body.name, "filters": body.filters.document(), "sort": body.sort, "is_shared": body.is_shared}
    view = await service.create_view(session, fields, owner=_owner(who))
    set_location(response, f"/v1/views/{view.id}")
    return _answer(response, view, _owner(who))


@router.get("/v1/views", dependencies=[READ])
async def list_views(
    session: Db,
    who: Who,
    page: PageQuery,
    counts: Annotated[bool, Query(description="Count what each view of the page shows.")] = False,
) -> ViewListing:
    """List one's own views and those that are shared, newest first."""
    rows = await paginate(session, queries.views(who.workspace, _owner(who)), page, by=queries.NEWEST_FIRST)
    counted = await service.count_views(session, rows.items) if counts else None
    return ViewListing(
        items=[_shaped(view, _owner(who)) for view in rows.items],
        next_cursor=rows.next_cursor,
        counts=None
        if counted is None
        else {id: ViewCount(count=count, is_exact=is_exact) for id, (count, is_exact) in counted.items()},
    )


@router.get("/v1/views/{view_id}", dependencies=[READ], responses=problems(404))
async def get_view(view_id: UUID, session: Db, who: Who, response: Response) -> ViewOut:
    """Show a view."""
    return _answer(response, await queries.get_view(session, view_id, _owner(who)), _owner(who))


@router.patch("/v1/views/{view_id}", dependencies=[WRITE], responses=problems(404, 409, 412))
async def update_view(
    view_id: UUID, body: ViewPatch, session: Db, who: Who, expected: IfMatch, response: Response
) -> ViewOut:
    """Change a view. One that is shared anybody may change; only who made it can take it back (409)."""
    view = await service.change_view(session, view_id, _changes(body), owner=_owner(who), expected=expected)
    return _answer(response, view, _owner(who))


@router.delete("/v1/views/{view_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_view(view_id: UUID, session: Db, who: Who, expected: IfMatch) -> None:
    """Throw a view away; what it shows stays."""
    await service.delete_view(session, view_id, owner=_owner(who), expected=expected)
