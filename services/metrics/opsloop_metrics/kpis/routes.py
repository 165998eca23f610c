"""KPIs, their reported values, their status and chart, and their monitors."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.db import settings_of
from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Duration, ShortText, Timestamp
from opsloop_metrics.kpis import queries, rules, service
from opsloop_metrics.kpis.models import Kpi, Monitor
from opsloop_metrics.kpis.rules import State
from opsloop_metrics.kpis.schemas import (
    KpiIn,
    KpiOut,
    KpiPatch,
    MonitorIn,
    MonitorOut,
    MonitorPatch,
    MonitorStatus,
    PointOut,
    SeriesOut,
    StatusOut,
    ValueIn,
    ValueOut,
)
from opsloop_metrics.settings import MetricsSettings

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


@router.get("/v1/kpis/{key}/status", dependencies=[READ], responses=problems(404))
async def get_kpi_status(key: str, session: Db) -> StatusOut:
    """Read a KPI's value now and what its monitors say."""
    kpi = await queries.get_kpi(session, key)
    monitors = await queries.monitors_of(session, kpi.id)
    return StatusOut(
        key=kpi.key,
        value=await service.current_value(session, kpi, monitors),
        state=rules.worst([State(monitor.state) for monitor in monitors]).value,
        monitors=[MonitorStatus.model_validate(monitor) for monitor in monitors],
    )


@router.get("/v1/kpis/{key}/series", dependencies=[READ], responses=problems(404))
async def get_kpi_series(
    key: str,
    session: Db,
    series_from: Annotated[Timestamp, Query(alias="from")],
    to: Annotated[Timestamp, Query()],
    step: Annotated[Duration, Query(description="Length of an interval; up to 1,000 of them fit one answer.")],
) -> SeriesOut:
    """Read a KPI's value over consecutive intervals, for a chart: open at the left, closed at the right."""
    edges = rules.edges(series_from, to, step)
    kpi = await queries.get_kpi(session, key)
    values = await service.series(session, kpi, edges)
    points = [
        PointOut(from_=start, to=end, value=value, samples=samples)
        for (start, end), (value, samples) in zip(pairwise(edges), values, strict=True)
    ]
    return SeriesOut(key=kpi.key, unit=kpi.unit, target=kpi.target, points=points)


@router.post("/v1/kpis/{key}/monitors", status_code=201, dependencies=[WRITE], responses=problems(404, 409))
async def create_monitor(key: str, body: MonitorIn, session: Db, response: Response) -> MonitorOut:
    """Watch a KPI; `for` and `keep_firing_for` default to nothing.

    A measure of events needs a `window`, no longer than events are kept (`OPSLOOP_DOMAIN_EVENT_RETENTION_DAYS`, 400 days).
    """
    monitor = await service.add_monitor(
        session, key, body.model_dump(by_alias=True), events_kept=settings_of(session, MetricsSettings).events_kept
    )
    set_location(response, f"/v1/kpis/{key}/monitors/{monitor.id}")
    return _monitor(monitor, key, response)


@router.get("/v1/kpis/{key}/monitors", dependencies=[READ], responses=problems(404))
async def list_monitors(key: str, session: Db, page: PageQuery) -> Listing[MonitorOut]:
    """List a KPI's monitors, newest first."""
    kpi = await queries.get_kpi(session, key)
    found = await paginate(session, queries.monitors(kpi.id), page, by=queries.NEWEST_MONITORS_FIRST)
    return found.map(lambda monitor: _shape(monitor, key))


@router.get("/v1/kpis/{key}/monitors/{monitor_id}", dependencies=[READ], responses=problems(404))
async def get_monitor(key: str, monitor_id: UUID, session: Db, response: Response) -> MonitorOut:
    """Read a monitor."""
    kpi = await queries.get_kpi(session, key)
    return _monitor(await queries.get_monitor(session, kpi.id, monitor_id), key, response)


@router.patch("/v1/kpis/{key}/monitors/{monitor_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_monitor(
    key: str, monitor_id: UUID, body: MonitorPatch, session: Db, expected: IfMatch, response: Response
) -> MonitorOut:
    """Change a monitor. Another condition, window or min_count, and switching it off, ends its open incident."""
    changes = body.model_dump(by_alias=True, exclude_unset=True)
    monitor = await service.change_monitor(
        session,
        key,
        monitor_id,
        changes,
        expected=expected,
        events_kept=settings_of(session, MetricsSettings).events_kept,
    )
    return _monitor(monitor, key, response)


@router.delete(
    "/v1/kpis/{key}/monitors/{monitor_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412)
)
async def delete_monitor(key: str, monitor_id: UUID, session: Db, expected: IfMatch) -> None:
    """Stop watching. An open incident ends; the breach stays readable."""
    await service.delete_monitor(session, key, monitor_id, expected=expected)


def _monitor(monitor: Monitor, key: str, response: Response) -> MonitorOut:
    set_etag(response, monitor.version)
    return _shape(monitor, key)


def _shape(monitor: Monitor, key: str) -> MonitorOut:
    condition = {"type": monitor.condition_type, "operator": monitor.operator, "value": monitor.threshold}
    kept = {name: getattr(monitor, name) for name in MonitorOut.model_fields if hasattr(monitor, name)}
    return MonitorOut.model_validate(kept | {"kpi": key, "condition": condition, "for": monitor.hold_for})
