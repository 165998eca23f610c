"""Asking for retention."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.persons import require_number, require_value
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.retentions import rules
from opsloop_metrics.retentions.queries import find_people, find_retention
from opsloop_metrics.retentions.schemas import RetentionIn, RetentionOut, RetentionPersonsIn
from opsloop_metrics.shapes import InsightPersonOut, Sheet, as_page, portion_of, sheet_of, tell, within

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: RetentionIn) -> Any:
    retention, frame = body.to_retention(), await body.open_frame(session)
    rules.require_sound(frame, retention)
    return await find_retention(session, frame, retention)


INSIGHT = Insight(RetentionIn, _find, RetentionOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/retention", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=RetentionOut
)
async def ask_retention(body: RetentionIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Count who, of those who began in an interval, came back in later ones; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)


@router.post("/v1/insights/retention/persons", dependencies=[READ], responses=problems(503))
async def list_retention_persons(body: RetentionPersonsIn, session: Db, page: PageQuery) -> Listing[InsightPersonOut]:
    """List the people of a cohort who came back in a column, or who did not, in the order of their ids."""
    retention = body.query.to_retention()
    require_value(body.breakdown, is_divided=retention.breakdown is not None)
    require_number("/column", body.column, retention.periods, what="a column")
    with within("/query"):
        frame = await body.query.open_frame(session)
        rules.require_sound(frame, retention)
    chosen = rules.Chosen(rules.row_of(frame, body.cohort), body.column, body.retained, body.breakdown)
    return as_page(await find_people(session, frame, retention, chosen, portion_of(page)), page)
