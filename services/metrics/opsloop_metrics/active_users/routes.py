"""Asking how many people are active."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.active_users import rules, service
from opsloop_metrics.active_users.schemas import ActiveUsersIn, ActiveUsersOut
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: ActiveUsersIn) -> Any:
    return await service.answer(session, await body.open_frame(session))


async def _answer(session: AsyncSession, body: ActiveUsersIn) -> Answered:
    found = await _find(session, body)
    return Answered(ActiveUsersOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(ActiveUsersIn, _answer)


@router.post(
    "/v1/insights/active-users", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=ActiveUsersOut
)
async def ask_active_users(body: ActiveUsersIn, session: Db, request: Request) -> Response | ActiveUsersOut:
    """Count the people of trailing days, weeks and months; with `Accept: text/csv` as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return ActiveUsersOut.model_validate(found)
