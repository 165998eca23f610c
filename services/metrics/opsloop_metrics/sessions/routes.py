"""Asking for sessions."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight
from opsloop_metrics.sessions import rules
from opsloop_metrics.sessions.queries import find_sessions
from opsloop_metrics.sessions.schemas import SessionsIn, SessionsOut

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


async def _find(session: AsyncSession, body: SessionsIn) -> Any:
    return await find_sessions(session, await body.open_frame(session))


async def _answer(session: AsyncSession, body: SessionsIn) -> Answered:
    found = await _find(session, body)
    return Answered(SessionsOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(SessionsIn, _answer)


@router.post("/v1/insights/sessions", dependencies=[READ], responses=_CSV | problems(503), response_model=SessionsOut)
async def ask_sessions(body: SessionsIn, session: Db, request: Request) -> Response | SessionsOut:
    """Count sessions by the interval that they began in, how long they were and how many had one event; CSV if accepted."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type="text/csv; charset=utf-8")
    return SessionsOut.model_validate(found)
