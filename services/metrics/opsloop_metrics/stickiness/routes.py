"""Asking how often people come."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight
from opsloop_metrics.shapes import InsightPersonOut, as_page, portion_of, within
from opsloop_metrics.stickiness import rules, service
from opsloop_metrics.stickiness.schemas import StickinessIn, StickinessOut, StickinessPersonsIn

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: StickinessIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_filter())


async def _answer(session: AsyncSession, body: StickinessIn) -> Answered:
    found = await _find(session, body)
    return Answered(StickinessOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(StickinessIn, _answer)


@router.post(
    "/v1/insights/stickiness", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=StickinessOut
)
async def ask_stickiness(body: StickinessIn, session: Db, request: Request) -> Response | StickinessOut:
    """Count people by the number of intervals in which they were there; with `Accept: text/csv` as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return StickinessOut.model_validate(found)


@router.post("/v1/insights/stickiness/persons", dependencies=[READ], responses=problems(503))
async def list_stickiness_persons(body: StickinessPersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people who were there in so many intervals, in the order of their ids."""
    with within("/query"):
        frame = await body.query.open_frame(session)
    wanted = body.query.to_filter()
    return as_page(await service.people(session, frame, wanted, portion_of(page), times=body.intervals), page)
