"""Asking who uses which features."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight
from opsloop_metrics.usages import rules, service
from opsloop_metrics.usages.schemas import UsageIn, UsageOut

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: UsageIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_features())


async def _answer(session: AsyncSession, body: UsageIn) -> Answered:
    found = await _find(session, body)
    return Answered(UsageOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(UsageIn, _answer)


@router.post("/v1/insights/usage", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=UsageOut)
async def ask_usage(body: UsageIn, session: Db, request: Request) -> Response | UsageOut:
    """Say which part of the active people uses each feature, how often, and how many they use; with `Accept: text/csv` as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return UsageOut.model_validate(found)
