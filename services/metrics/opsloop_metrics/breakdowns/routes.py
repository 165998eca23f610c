"""Asking for tables of values."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.breakdowns import rules
from opsloop_metrics.breakdowns.queries import find_breakdown
from opsloop_metrics.breakdowns.schemas import BreakdownOut, BreakdownTableIn
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import Sheet, sheet_of, tell

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: BreakdownTableIn) -> rules.Result:
    return await find_breakdown(session, await body.open_frame(session), body.to_breakdown())


INSIGHT = Insight(BreakdownTableIn, _find, BreakdownOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/breakdown",
    dependencies=[READ],
    responses=ALSO_CSV | problems(503),
    response_model=BreakdownOut,
)
async def ask_breakdown(body: BreakdownTableIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Count people and events by the values of up to three fields; CSV if accepted."""
    return await tell(INSIGHT, session, body, sheet)
