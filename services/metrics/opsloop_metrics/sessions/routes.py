"""Asking for sessions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.sessions import rules
from opsloop_metrics.sessions.queries import find_people, find_sessions
from opsloop_metrics.sessions.schemas import SessionsIn, SessionsOut, SessionsPersonsIn
from opsloop_metrics.shapes import InsightPersonOut, Sheet, as_page, portion_of, sheet_of, tell, within

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: SessionsIn) -> Any:
    return await find_sessions(session, await body.open_frame(session))


INSIGHT = Insight(SessionsIn, _find, SessionsOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/sessions", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=SessionsOut
)
async def ask_sessions(body: SessionsIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Count sessions by the interval that they began in, how long they were and how many had one event; CSV if accepted."""
    return await tell(INSIGHT, session, body, sheet)


@router.post("/v1/insights/sessions/persons", dependencies=[READ], responses=problems(503))
async def list_sessions_persons(body: SessionsPersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people whose sessions began in an interval, in the order of their ids."""
    with within("/query"):
        frame = await body.query.open_frame(session)
    found = await find_people(session, frame, portion_of(page), interval=body.interval, bounced=body.bounced)
    return as_page(found, page)
