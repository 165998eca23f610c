"""Asking who is new, returns, comes back, or stays away."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.lifecycles import rules, service
from opsloop_metrics.lifecycles.schemas import LifecycleIn, LifecycleOut
from opsloop_metrics.ports import Answered, Insight

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: LifecycleIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_filter())


async def _answer(session: AsyncSession, body: LifecycleIn) -> Answered:
    found = await _find(session, body)
    return Answered(LifecycleOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(LifecycleIn, _answer)


@router.post(
    "/v1/insights/lifecycle", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=LifecycleOut
)
async def ask_lifecycle(body: LifecycleIn, session: Db, request: Request) -> Response | LifecycleOut:
    """Divide the people of each interval by whether they are new, and were there before; with `Accept: text/csv` as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return LifecycleOut.model_validate(found)
