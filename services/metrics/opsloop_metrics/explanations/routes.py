"""Asking why a KPI changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_metrics.explanations import rules, service
from opsloop_metrics.explanations.schemas import By, ExplanationOut
from opsloop_metrics.kpis import service as kpis

router = ApiRouter(tags=["kpis"])
READ = allow("metrics:read")


@router.get("/v1/kpis/{key}/explanation", dependencies=[READ], responses=problems(404, 409, 503))
async def explain_kpi(
    key: str,
    session: Db,
    start: Annotated[Timestamp, Query(alias="from")],
    to: Annotated[Timestamp, Query()],
    compare_from: Annotated[Timestamp | None, Query()] = None,
    compare_to: Annotated[Timestamp | None, Query(description="At the latest `from`, as it is when left out.")] = None,
    by: Annotated[
        By | None, Query(description="A field of its events, `data.channel`; of an insight's, `country`.")
    ] = None,
) -> ExplanationOut:
    """Explain a KPI's change from one time to another by the values of a field, or of the three fields that tell most."""
    spans = rules.spans_of(start, to, compare_from, compare_to)
    kpi = await kpis.get(session, key)
    return ExplanationOut.of(kpi.key, await service.explain(session, kpi, spans, by=by))
