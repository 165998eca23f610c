"""Asking what goes with what."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.next_bests import rules, service
from opsloop_metrics.next_bests.schemas import NextBestIn, NextBestOut
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import Sheet, sheet_of, tell

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: NextBestIn) -> Any:
    person = await service.find_person(session, body.user_id)  # first: whoever is unknown costs the store nothing
    return await service.answer(session, await body.open_frame(session), body.to_question(), person)


INSIGHT = Insight(NextBestIn, _find, NextBestOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/next-best", dependencies=[READ], responses=ALSO_CSV | problems(404, 503), response_model=NextBestOut
)
async def ask_next_best(body: NextBestIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Say what somebody who uses some things may want next, from what people use together; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)
