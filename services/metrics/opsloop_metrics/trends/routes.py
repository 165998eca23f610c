"""Asking what became of things over time."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.persons import require_value
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import InsightPersonOut, Sheet, as_page, portion_of, sheet_of, tell, within
from opsloop_metrics.trends import rules, service
from opsloop_metrics.trends.schemas import TrendsIn, TrendsOut, TrendsPersonsIn

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: TrendsIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_trend())


INSIGHT = Insight(TrendsIn, _find, TrendsOut.model_validate, rules.as_table)


@router.post("/v1/insights/trends", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=TrendsOut)
async def ask_trends(body: TrendsIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Count events, people or a property's numbers over time; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)


@router.post("/v1/insights/trends/persons", dependencies=[READ], responses=problems(503))
async def list_trends_persons(body: TrendsPersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people who did what a series counts, as many as its `users`, in the order of their ids."""
    trend = body.query.to_trend()
    require_value(body.breakdown, is_divided=trend.breakdown is not None)
    with within("/query"):
        frame = await body.query.open_frame(session)
        rules.require_sound(trend, len(frame.edges) - 1)
    found = await service.people(
        session, frame, trend, portion_of(page), series=body.series, interval=body.interval, value=body.breakdown
    )
    return as_page(found, page)
