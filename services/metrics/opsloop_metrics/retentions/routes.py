"""Asking for retention."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight
from opsloop_metrics.retentions import rules
from opsloop_metrics.retentions.queries import find_retention
from opsloop_metrics.retentions.schemas import RetentionIn, RetentionOut

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


async def _find(session: AsyncSession, body: RetentionIn) -> Any:
    retention, frame = body.to_retention(), await body.open_frame(session)
    rules.require_sound(frame, retention)
    return await find_retention(session, frame, retention)


async def _answer(session: AsyncSession, body: RetentionIn) -> Answered:
    found = await _find(session, body)
    return Answered(RetentionOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(RetentionIn, _answer)


@router.post("/v1/insights/retention", dependencies=[READ], responses=_CSV | problems(503), response_model=RetentionOut)
async def ask_retention(body: RetentionIn, session: Db, request: Request) -> Response | RetentionOut:
    """Count who, of those who began in an interval, came back in later ones; with `Accept: text/csv` as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type="text/csv; charset=utf-8")
    return RetentionOut.model_validate(found)
