"""Asking how many people are active."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.active_users import rules, service
from opsloop_metrics.active_users.schemas import ActiveUsersIn, ActiveUsersOut, ActiveUsersPersonsIn
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import InsightPersonOut, Sheet, as_page, portion_of, sheet_of, tell, within

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: ActiveUsersIn) -> Any:
    return await service.answer(session, await body.open_frame(session))


INSIGHT = Insight(ActiveUsersIn, _find, ActiveUsersOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/active-users", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=ActiveUsersOut
)
async def ask_active_users(body: ActiveUsersIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Count the people of trailing days, weeks and months; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)


@router.post("/v1/insights/active-users/persons", dependencies=[READ], responses=problems(503))
async def list_active_users_persons(
    body: ActiveUsersPersonsIn, session: Db, page: PageQuery
) -> Listing[InsightPersonOut]:
    """List the people of a trailing day, week or month, in the order of their ids."""
    with within("/query"):
        frame = await body.query.open_frame(session)
        rules.last_days(frame.aligned())
    found = await service.people(session, frame, portion_of(page), interval=body.interval, measure=body.measure)
    return as_page(found, page)
