"""Asking how often people come."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import InsightPersonOut, Sheet, as_page, portion_of, sheet_of, tell, within
from opsloop_metrics.stickiness import rules, service
from opsloop_metrics.stickiness.schemas import StickinessIn, StickinessOut, StickinessPersonsIn

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: StickinessIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_filter())


INSIGHT = Insight(StickinessIn, _find, StickinessOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/stickiness", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=StickinessOut
)
async def ask_stickiness(body: StickinessIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Count people by the number of intervals in which they were there; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)


@router.post("/v1/insights/stickiness/persons", dependencies=[READ], responses=problems(503))
async def list_stickiness_persons(body: StickinessPersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people who were there in so many intervals, in the order of their ids."""
    with within("/query"):
        frame = await body.query.open_frame(session)
    wanted = body.query.to_filter()
    return as_page(await service.people(session, frame, wanted, portion_of(page), times=body.intervals), page)
