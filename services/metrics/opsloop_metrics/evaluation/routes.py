"""The history of evaluations, for charts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_metrics.evaluation import queries
from opsloop_metrics.evaluation.schemas import EvaluationOut
from opsloop_metrics.kpis import service as kpis

router = ApiRouter(tags=["kpis"])


@router.get(
    "/v1/kpis/{key}/monitors/{monitor_id}/evaluations",
    dependencies=[allow("metrics:read")],
    responses=problems(404),
)
async def list_evaluations(
    key: str,
    monitor_id: UUID,
    session: Db,
    page: PageQuery,
    seen_from: Annotated[Timestamp | None, Query(alias="from")] = None,
    to: Annotated[Timestamp | None, Query()] = None,
) -> Listing[EvaluationOut]:
    """List what a monitor saw, newest first; `from` inclusive, `to` exclusive. Kept for 30 days."""
    await kpis.require_monitor(session, key, monitor_id)
    wanted = queries.evaluations(monitor_id, seen_from=seen_from, seen_to=to)
    found = await paginate(session, wanted, page, by=queries.NEWEST_FIRST)
    return found.map(EvaluationOut.model_validate)
