"""KPIs and their reported values."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import ShortText, Timestamp
from opsloop_metrics.kpis import queries, service
from opsloop_metrics.kpis.models import Kpi
from opsloop_metrics.kpis.schemas import KpiIn, KpiOut, KpiPatch, ValueIn, ValueOut

router = ApiRouter(tags=["kpis"])
READ = allow("metrics:read")
WRITE = allow("metrics:write")

From = Annotated[Timestamp | None, Query(alias="from")]
To = Annotated[Timestamp | None, Query()]


@router.post("/v1/kpis", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_kpi(body: KpiIn, session: Db, response: Response) -> KpiOut:
    """Define a KPI. A key that is taken answers 409."""
    fields = body.model_dump(exclude={"key", "measure"})
    kpi = await service.create_kpi(
        session, key=body.key, measure=body.measure.model_dump(mode="json", exclude_unset=True), fields=fields
    )
    set_location(response, f"/v1/kpis/{kpi.key}")
    set_etag(response, kpi.version)
    return KpiOut.model_validate(kpi)


@router.get("/v1/kpis", dependencies=[READ])
async def list_kpis(
    session: Db, page: PageQuery, owner: Annotated[ShortText | None, Query()] = None
) -> Listing[KpiOut]:
    """List KPIs, newest first."""
    found = await paginate(session, queries.kpis(owner=owner), page, by=queries.NEWEST_KPIS_FIRST)
    return found.map(KpiOut.model_validate)


@router.get("/v1/kpis/{key}", dependencies=[READ], responses=problems(404))
async def get_kpi(key: str, session: Db, response: Response) -> KpiOut:
    """Read a KPI's definition."""
    return _answer(await queries.get_kpi(session, key), response)


@router.patch("/v1/kpis/{key}", dependencies=[WRITE], responses=problems(404, 409, 412))
async def update_kpi(key: str, body: KpiPatch, session: Db, expected: IfMatch, response: Response) -> KpiOut:
    """Change a KPI. Another measure ends open incidents and starts its monitors anew."""
    changes = body.model_dump(exclude_unset=True, exclude={"measure"})
    if "measure" in body.model_fields_set:
        changes["measure"] = body.measure.model_dump(mode="json", exclude_unset=True)
    return _answer(await service.change_kpi(session, key, changes, expected=expected), response)


@router.delete("/v1/kpis/{key}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_kpi(key: str, session: Db, expected: IfMatch) -> None:
    """Delete a KPI with its values and monitors. Open incidents end; breaches stay readable."""
    await service.delete_kpi(session, key, expected=expected)


def _answer(kpi: Kpi, response: Response) -> KpiOut:
    set_etag(response, kpi.version)
    return KpiOut.model_validate(kpi)


@router.post("/v1/kpis/{key}/values", status_code=201, dependencies=[WRITE], responses=problems(404, 409))
async def report_value(key: str, body: ValueIn, session: Db, response: Response) -> ValueOut:
    """Report a value. One for a moment that has a value already corrects it. A KPI measured from events answers 409."""
    value = await service.report_value(session, key, body.value, body.at)
    set_location(response, f"/v1/kpis/{key}/values")
    return ValueOut.model_validate(value)


@router.get("/v1/kpis/{key}/values", dependencies=[READ], responses=problems(404))
async def list_values(
    key: str, session: Db, page: PageQuery, reported_from: From = None, to: To = None
) -> Listing[ValueOut]:
    """List reported values, the latest first; `from` inclusive, `to` exclusive."""
    kpi = await queries.get_kpi(session, key)
    wanted = queries.values(kpi.id, reported_from=reported_from, reported_to=to)
    found = await paginate(session, wanted, page, by=queries.NEWEST_VALUES_FIRST)
    return found.map(ValueOut.model_validate)
