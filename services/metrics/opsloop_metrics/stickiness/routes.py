"""Asking how often people come."""

from __future__ import annotations

from fastapi import Request, Response

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.stickiness import rules, service
from opsloop_metrics.stickiness.schemas import StickinessIn, StickinessOut

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


@router.post(
    "/v1/insights/stickiness", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=StickinessOut
)
async def ask_stickiness(body: StickinessIn, session: Db, request: Request) -> Response | StickinessOut:
    """Count people by the number of intervals in which they were there; with `Accept: text/csv` as a table."""
    found = await service.answer(session, await body.open_frame(session), body.to_filter())
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return StickinessOut.model_validate(found)
