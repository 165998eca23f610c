"""Asking why people leave."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.churns import rules, service
from opsloop_metrics.churns.schemas import ChurnIn, ChurnOut
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import Sheet, sheet_of, tell

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: ChurnIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_question())


INSIGHT = Insight(ChurnIn, _find, ChurnOut.model_validate, rules.as_table)


@router.post("/v1/insights/churn", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=ChurnOut)
async def ask_churn(body: ChurnIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Compare the answers of people who left with those of people who stayed; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)
