"""Asking for retention."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.persons import require_number, require_value
from opsloop_metrics.insights.tables import as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight
from opsloop_metrics.retentions import rules
from opsloop_metrics.retentions.queries import find_people, find_retention
from opsloop_metrics.retentions.schemas import RetentionIn, RetentionOut, RetentionPersonsIn
from opsloop_metrics.shapes import InsightPersonOut, as_page, portion_of, within

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
