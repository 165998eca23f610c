"""The HTTP door of saved insights, and of what they come to: JSON, CSV, pictures."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from opsloop_common.errors import NotFound
from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Locale, ShortText
from opsloop_common.known_names import unknown
from opsloop_metrics.canvas import painting
from opsloop_metrics.canvas.answers import PNG, SVG, TABLE, described, kept
from opsloop_metrics.insights.tables import CSV
from opsloop_metrics.saved_insights import queries, service
from opsloop_metrics.saved_insights.models import SavedInsight
from opsloop_metrics.saved_insights.rules import ANSWER_SECONDS, InsightKind
from opsloop_metrics.saved_insights.schemas import (
    AnsweredInsightOut,
    SavedInsightIn,
    SavedInsightOut,
    SavedInsightPatch,
)
from opsloop_metrics.shapes import Sheet, sheet_of

router = ApiRouter(tags=["saved insights"])
READ = [allow("metrics:read")]
WRITE = [allow("metrics:write")]
In = Annotated[Locale | None, Query(alias="locale", description="The language; without it the workspace's.")]
Same = Annotated[
    Locale | None, Query(alias="locale", description="Taken as the picture takes it; the table is the same.")
]


def _answer(response: Response, insight: SavedInsight) -> SavedInsightOut:
    set_etag(response, insight.version)
    return SavedInsightOut.model_validate(insight)


def _kept(request: Request, content: bytes, media_type: str, insight: SavedInsight) -> Response:
    return kept(request, content, media_type, numbers=f"{insight.id}.csv", seconds=ANSWER_SECONDS)


@router.post("/v1/insights", status_code=201, dependencies=WRITE)
async def create_insight(body: SavedInsightIn, session: Db, response: Response) -> SavedInsightOut:
    """Keep a question; one that its insight would not take answers 422, with pointers into `query`."""
    insight = await service.create_insight(
        session, name=body.name, description=body.description, kind=body.kind, query=body.query
    )
    set_location(response, f"/v1/insights/{insight.id}")
    return _answer(response, insight)


@router.get("/v1/insights", dependencies=READ)
async def list_insights(
    session: Db,
    page: PageQuery,
    kind: Annotated[list[InsightKind] | None, Query(description="One or several of these.")] = None,
    text: Annotated[ShortText | None, Query(description="In the name or the description.")] = None,
) -> Listing[SavedInsightOut]:
    """List saved insights, newest first."""
    wanted = queries.insights(kind=kind or (), text=text)
    found = await paginate(session, wanted, page, by=queries.NEWEST_FIRST)
    return found.map(SavedInsightOut.model_validate)


# before the insight itself, whose path would take these too
@router.get(
    "/v1/insights/{insight_id}.svg",
    dependencies=READ,
    responses=described(SVG) | problems(404, 409, 503),
    response_class=Response,
)
async def draw_insight(insight_id: UUID, session: Db, request: Request, locale: In = None) -> Response:
    """Draw what an insight came to, with annotations; its numbers are beside it as `.csv`. At most a minute old."""
    insight = await queries.get_insight(session, insight_id)
    svg = await service.picture(session, insight, locale=locale)
    return _kept(request, svg.encode(), SVG, insight)


@router.get(
    "/v1/insights/{insight_id}.png",
    dependencies=READ,
    responses=described(PNG) | problems(404, 409, 503),
    response_class=Response,
)
async def paint_insight(insight_id: UUID, session: Db, request: Request, locale: In = None) -> Response:
    """Return the drawing in pixels; letters that no font of the server has are left out."""
    insight = await queries.get_insight(session, insight_id)
    svg = await service.picture(session, insight, locale=locale)
    return _kept(request, await painting.as_png(svg), PNG, insight)


@router.get(
    "/v1/insights/{insight_id}.csv",
    dependencies=READ,
    responses=described(TABLE) | problems(404, 409, 503),
    response_class=Response,
)
async def tabulate_insight(
    insight_id: UUID, session: Db, request: Request, sheet: Annotated[Sheet, Depends(sheet_of)], locale: Same = None
) -> Response:
    """Return an insight's numbers as a table, whose columns and values have machine names in every language. At most a minute old."""
    insight = await queries.get_insight(session, insight_id)
    _, found = await service.answer(session, insight)
    return _kept(request, sheet.text(found.names, found.rows).encode(), CSV, insight)


@router.get("/v1/insights/{insight_id}", dependencies=READ, responses=problems(404))
async def get_insight(insight_id: UUID, session: Db, response: Response) -> SavedInsightOut:
    """Show a saved insight."""
    return _answer(response, await queries.get_insight(session, insight_id))


@router.patch("/v1/insights/{insight_id}", dependencies=WRITE, responses=problems(404, 412))
async def update_insight(
    insight_id: UUID, body: SavedInsightPatch, session: Db, expected: IfMatch, response: Response
) -> SavedInsightOut:
    """Change a saved insight."""
    changes = body.model_dump(exclude_unset=True)
    return _answer(response, await service.change_insight(session, insight_id, changes, expected=expected))


@router.delete("/v1/insights/{insight_id}", status_code=204, dependencies=WRITE, responses=problems(404, 409, 412))
async def delete_insight(insight_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a saved insight away; tiles of dashboards that show it say that it is gone. While KPIs ask it: 409."""
    await service.delete_insight(session, insight_id, expected=expected)


@router.post("/v1/insights/{insight_id}/run", dependencies=READ, responses=problems(404, 409, 503))
async def run_insight(insight_id: UUID, session: Db) -> AnsweredInsightOut:
    """Answer a saved insight as it is kept, at most a minute old.

    There is no body, and one that is sent is not looked at: for another range PATCH it, or ask `POST /v1/insights/<kind>`.
    """
    insight = await queries.get_insight(session, insight_id)
    answered_at, found = await service.answer(session, insight)
    return AnsweredInsightOut(kind=InsightKind(insight.kind), answered_at=answered_at, answer=dict(found.body))


# behind all insights, whose paths are routed before: what is not asked by its name is told the nearest
@router.post("/v1/insights/{kind}", dependencies=READ, include_in_schema=False)
async def refuse_kind(kind: str) -> None:
    """Say that there is no such insight."""
    raise NotFound(f"{unknown(kind, [*InsightKind], what='insight')}")
