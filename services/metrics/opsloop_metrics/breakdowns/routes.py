"""Asking for tables of values."""

from __future__ import annotations

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.breakdowns import rules
from opsloop_metrics.breakdowns.queries import find_breakdown
from opsloop_metrics.breakdowns.schemas import BreakdownOut, BreakdownTableIn
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: BreakdownTableIn) -> rules.Result:
    return await find_breakdown(session, await body.open_frame(session), body.to_breakdown())


async def _answer(session: AsyncSession, body: BreakdownTableIn) -> Answered:
    found = await _find(session, body)
    return Answered(BreakdownOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(BreakdownTableIn, _answer)


@router.post(
    "/v1/insights/breakdown",
    dependencies=[READ],
    responses=ALSO_CSV | problems(503),
    response_model=BreakdownOut,
)
async def ask_breakdown(body: BreakdownTableIn, session: Db, request: Request) -> Response | BreakdownOut:
    """Count people and events by the values of up to three fields; CSV if accepted."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return BreakdownOut.model_validate(found)
