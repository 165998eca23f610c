"""Asking what goes with what."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.next_bests import rules, service
from opsloop_metrics.next_bests.schemas import NextBestIn, NextBestOut
from opsloop_metrics.ports import Answered, Insight

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: NextBestIn) -> Any:
    person = await service.find_person(session, body.user_id)  # first: whoever is unknown costs the store nothing
    return await service.answer(session, await body.open_frame(session), body.to_question(), person)


async def _answer(session: AsyncSession, body: NextBestIn) -> Answered:
    found = await _find(session, body)
    return Answered(NextBestOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(NextBestIn, _answer)


@router.post(
    "/v1/insights/next-best", dependencies=[READ], responses=ALSO_CSV | problems(404, 503), response_model=NextBestOut
)
async def ask_next_best(body: NextBestIn, session: Db, request: Request) -> Response | NextBestOut:
    """Say what somebody who uses some things may want next, from what people use together; with `Accept: text/csv` as a table."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return NextBestOut.model_validate(found)
