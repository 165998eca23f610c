"""Asking who is new, returns, comes back, or stays away."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.lifecycles import rules, service
from opsloop_metrics.lifecycles.schemas import LifecycleIn, LifecycleOut, LifecyclePersonsIn
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import InsightPersonOut, Sheet, as_page, portion_of, sheet_of, tell, within

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: LifecycleIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_filter())


INSIGHT = Insight(LifecycleIn, _find, LifecycleOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/lifecycle", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=LifecycleOut
)
async def ask_lifecycle(body: LifecycleIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Divide the people of each interval by whether they are new, and were there before; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)


@router.post("/v1/insights/lifecycle/persons", dependencies=[READ], responses=problems(503))
async def list_lifecycle_persons(body: LifecyclePersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people who are new, return, come back or stay away in an interval, in the order of their ids."""
    with within("/query"):
        frame = await body.query.open_frame(session)
    wanted, portion = body.query.to_filter(), portion_of(page)
    found = await service.people(session, frame, wanted, portion, interval=body.interval, status=body.status)
    return as_page(found, page)
