"""Asking why a KPI changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.explanations import service
from opsloop_metrics.explanations.schemas import By, ExplanationOut
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.shapes import When

router = ApiRouter(tags=["kpis"])
READ = allow("metrics:read")


@router.get("/v1/kpis/{key}/explanation", dependencies=[READ], responses=problems(404, 409, 503))
async def explain_kpi(
    key: str,
    session: Db,
    start: Annotated[When, Query(alias="from")],
    to: Annotated[When, Query(description="A day, which is in it, or an instant, which is not.")],
    compare_from: Annotated[When | None, Query()] = None,
    compare_to: Annotated[When | None, Query(description="Over by `from`; left out, just before it.")] = None,
    by: Annotated[
        By | None, Query(description="A field of its events, `data.channel`; of an insight's, `country`.")
    ] = None,
) -> ExplanationOut:
    """Explain a KPI's change from one time to another by the values of a field, or of the three fields that tell most."""
    spans = await service.spans(session, start, to, compare_from, compare_to)
    kpi = await kpis.get(session, key)
    return ExplanationOut.of(kpi.key, await service.explain(session, kpi, spans, by=by))
