"""Asking what became of things over time."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight
from opsloop_metrics.trends import rules, service
from opsloop_metrics.trends.schemas import TrendsIn, TrendsOut

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: TrendsIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_trend())


async def _answer(session: AsyncSession, body: TrendsIn) -> Answered:
    found = await _find(session, body)
    return Answered(TrendsOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(TrendsIn, _answer)


@router.post("/v1/insights/trends", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=TrendsOut)
async def ask_trends(body: TrendsIn, session: Db, request: Request) -> Response | TrendsOut:
    """Count events, people or a property's numbers over time; with `Accept: text/csv` as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return TrendsOut.model_validate(found)
