"""Asking for paths."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import as_csv, prefers_csv
from opsloop_metrics.paths import rules
from opsloop_metrics.paths.queries import find_paths, find_people
from opsloop_metrics.paths.schemas import PathsIn, PathsOut, PathsPersonsIn
from opsloop_metrics.ports import Answered, Insight
from opsloop_metrics.shapes import InsightPersonOut, as_page, portion_of, within

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


async def _find(session: AsyncSession, body: PathsIn) -> Any:
    return await find_paths(session, await body.open_frame(session), body.to_paths())


async def _answer(session: AsyncSession, body: PathsIn) -> Answered:
    found = await _find(session, body)
    return Answered(PathsOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(PathsIn, _answer)


@router.post("/v1/insights/paths", dependencies=[READ], responses=_CSV | problems(503), response_model=PathsOut)
async def ask_paths(body: PathsIn, session: Db, request: Request) -> Response | PathsOut:
    """Count what follows what within sessions; with `Accept: text/csv` the edges as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type="text/csv; charset=utf-8")
    return PathsOut.model_validate(found)


@router.post("/v1/insights/paths/persons", dependencies=[READ], responses=problems(503))
async def list_paths_persons(body: PathsPersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people whose sessions have a node or an edge, in the order of their ids; one may have several such sessions."""
    paths = body.query.to_paths()
    nodes = rules.nodes_of(paths, body.source, body.target)
    with within("/query"):
        frame = await body.query.open_frame(session)
    return as_page(await find_people(session, frame, paths, portion_of(page), nodes), page)
