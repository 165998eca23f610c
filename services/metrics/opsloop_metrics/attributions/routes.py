"""Asking for attribution."""

from __future__ import annotations

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.attributions import rules
from opsloop_metrics.attributions.queries import find_attribution
from opsloop_metrics.attributions.schemas import AttributionIn, AttributionOut
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: AttributionIn) -> rules.Result:
    return await find_attribution(session, await body.open_frame(session), body.to_attribution())


async def _answer(session: AsyncSession, body: AttributionIn) -> Answered:
    found = await _find(session, body)
    return Answered(AttributionOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(AttributionIn, _answer)


@router.post(
    "/v1/insights/attribution",
    dependencies=[READ],
    responses=ALSO_CSV | problems(503),
    response_model=AttributionOut,
)
async def ask_attribution(body: AttributionIn, session: Db, request: Request) -> Response | AttributionOut:
    """Credit sessions with the conversions that followed: the first, the last, all alike; CSV if accepted."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return AttributionOut.model_validate(found)
