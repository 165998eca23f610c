"""Asking why people leave."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.churns import rules, service
from opsloop_metrics.churns.schemas import ChurnIn, ChurnOut
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: ChurnIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_question())


async def _answer(session: AsyncSession, body: ChurnIn) -> Answered:
    found = await _find(session, body)
    return Answered(ChurnOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(ChurnIn, _answer)


@router.post("/v1/insights/churn", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=ChurnOut)
async def ask_churn(body: ChurnIn, session: Db, request: Request) -> Response | ChurnOut:
    """Compare the answers of people who left with those of people who stayed; with `Accept: text/csv` as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return ChurnOut.model_validate(found)
