"""Asking for attribution."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.attributions import rules
from opsloop_metrics.attributions.queries import find_attribution
from opsloop_metrics.attributions.schemas import AttributionIn, AttributionOut
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import Sheet, sheet_of, tell

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: AttributionIn) -> rules.Result:
    return await find_attribution(session, await body.open_frame(session), body.to_attribution())


INSIGHT = Insight(AttributionIn, _find, AttributionOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/attribution",
    dependencies=[READ],
    responses=ALSO_CSV | problems(503),
    response_model=AttributionOut,
)
async def ask_attribution(body: AttributionIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Credit sessions with the conversions that followed: the first, the last, all alike; CSV if accepted."""
    return await tell(INSIGHT, session, body, sheet)
