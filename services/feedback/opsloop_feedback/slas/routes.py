"""The HTTP doors of service levels."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_feedback.slas import service
from opsloop_feedback.slas.schemas import By, ClockOut, SlaReportOut

router = ApiRouter(tags=["service levels"])
READ = allow("feedback:read")


@router.get("/v1/feedback/{feedback_id}/clocks", dependencies=[READ], responses=problems(404))
async def list_clocks(feedback_id: UUID, session: Db, page: PageQuery) -> Listing[ClockOut]:
    """List the clocks of a feedback, the newest first."""
    found = await paginate(session, await service.clocks_of(session, feedback_id), page, by=service.NEWEST_FIRST)
    return found.map(ClockOut.model_validate)


@router.get("/v1/reports/sla", dependencies=[READ])
async def show_sla_report(
    session: Db,
    since: Annotated[Timestamp | None, Query(alias="from", description="30 days before `to`, when left out.")] = None,
    until: Annotated[Timestamp | None, Query(alias="to", description="Not included; now, when left out.")] = None,
    by: By = "policy",
) -> SlaReportOut:
    """Count which promises were kept in a period, by policy, team or severity."""
    found = await service.report(session, since, until, by=by)
    return SlaReportOut.model_validate(
        {"from": found.since, "to": found.until, "by": by, "rows": found.rows, "total": found.total}
    )
