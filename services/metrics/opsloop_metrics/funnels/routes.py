"""Asking for a funnel, and for the people behind its numbers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.funnels import rules, service
from opsloop_metrics.funnels.schemas import FunnelIn, FunnelOut, FunnelPersonsIn
from opsloop_metrics.insights.persons import require_number
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import InsightPersonOut, Sheet, as_page, portion_of, sheet_of, tell, within
from opsloop_metrics.steps.rules import require_sound

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: FunnelIn) -> Any:
    funnel = body.to_funnel()
    require_sound(funnel)
    return await service.answer(session, await body.open_frame(session), funnel)


INSIGHT = Insight(FunnelIn, _find, FunnelOut.model_validate, rules.as_table)


@router.post("/v1/insights/funnel", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=FunnelOut)
async def ask_funnel(body: FunnelIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Count who comes how far from a first step to a last, and how long it takes; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)


@router.post("/v1/insights/funnel/persons", dependencies=[READ], responses=problems(503))
async def list_funnel_persons(body: FunnelPersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people behind a number of a funnel, in the order of their ids."""
    funnel = body.query.to_funnel()
    require_sound(funnel, at="/query")
    with within("/query"):
        frame = await body.query.open_frame(session)
    require_number("/step", body.step, len(funnel.steps), what="a step")
    found = await service.people(session, frame, funnel, portion_of(page), step=body.step, dropped=body.dropped)
    return as_page(found, page)
