"""Asking for paths."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.paths import rules
from opsloop_metrics.paths.queries import find_paths, find_people
from opsloop_metrics.paths.schemas import PathsIn, PathsOut, PathsPersonsIn
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import InsightPersonOut, Sheet, as_page, portion_of, sheet_of, tell, within

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: PathsIn) -> Any:
    return await find_paths(session, await body.open_frame(session), body.to_paths())


INSIGHT = Insight(PathsIn, _find, PathsOut.model_validate, rules.as_table)


@router.post("/v1/insights/paths", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=PathsOut)
async def ask_paths(body: PathsIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Count what follows what within sessions; with `Accept: text/csv` the edges as a table."""
    return await tell(INSIGHT, session, body, sheet)


@router.post("/v1/insights/paths/persons", dependencies=[READ], responses=problems(503))
async def list_paths_persons(body: PathsPersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people whose sessions have a node or an edge, in the order of their ids; one may have several such sessions."""
    paths = body.query.to_paths()
    nodes = rules.nodes_of(paths, body.source, body.target)
    with within("/query"):
        frame = await body.query.open_frame(session)
    return as_page(await find_people(session, frame, paths, portion_of(page), nodes), page)
