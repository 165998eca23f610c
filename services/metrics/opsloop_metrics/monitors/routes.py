"""The monitors of a KPI, and the history of what they saw."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.db import settings_of
from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.monitors import queries, service
from opsloop_metrics.monitors.models import Monitor
from opsloop_metrics.monitors.schemas import EvaluationOut, MonitorIn, MonitorOut, MonitorPatch
from opsloop_metrics.muting.rules import Muted
from opsloop_metrics.settings import MetricsSettings

router = ApiRouter(tags=["kpis"])
READ = allow("metrics:read")
WRITE = allow("metrics:write")


@router.post("/v1/kpis/{key}/monitors", status_code=201, dependencies=[WRITE], responses=problems(404, 409))
async def create_monitor(key: str, body: MonitorIn, session: Db, response: Response) -> MonitorOut:
    """Watch a KPI; `for` and `keep_firing_for` default to nothing.

    A measure of events needs a `window`, no longer than events are kept (`OPSLOOP_DOMAIN_EVENT_RETENTION_DAYS`, 400 days).
    """
    monitor = await service.add_monitor(
        session, key, body.model_dump(by_alias=True), events_kept=settings_of(session, MetricsSettings).events_kept
    )
    set_location(response, f"/v1/kpis/{key}/monitors/{monitor.id}")
    return await _monitor(session, monitor, key, response)


@router.get("/v1/kpis/{key}/monitors", dependencies=[READ], responses=problems(404))
async def list_monitors(key: str, session: Db, page: PageQuery) -> Listing[MonitorOut]:
    """List a KPI's monitors, newest first."""
    kpi = await kpis.get(session, key)
    found = await paginate(session, queries.monitors(kpi.kpi_id), page, by=queries.NEWEST_MONITORS_FIRST)
    muted = await service.muted(session, kpi, [monitor.id for monitor in found.items])
    return found.map(lambda monitor: _shape(monitor, key, muted.get(monitor.id)))


@router.get("/v1/kpis/{key}/monitors/{monitor_id}", dependencies=[READ], responses=problems(404))
async def get_monitor(key: str, monitor_id: UUID, session: Db, response: Response) -> MonitorOut:
    """Read a monitor."""
    kpi = await kpis.get(session, key)
    monitor = await queries.get_monitor(session, kpi.kpi_id, monitor_id)
    return await _monitor(session, monitor, key, response)


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
    return await _monitor(session, monitor, key, response)


@router.delete(
    "/v1/kpis/{key}/monitors/{monitor_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412)
)
async def delete_monitor(key: str, monitor_id: UUID, session: Db, expected: IfMatch) -> None:
    """Stop watching. An open incident ends; the breach stays readable."""
    await service.delete_monitor(session, key, monitor_id, expected=expected)


@router.get(
    "/v1/kpis/{key}/monitors/{monitor_id}/evaluations",
    dependencies=[READ],
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
    kpi = await kpis.get(session, key)
    await queries.get_monitor(session, kpi.kpi_id, monitor_id)
    wanted = queries.evaluations(monitor_id, seen_from=seen_from, seen_to=to)
    found = await paginate(session, wanted, page, by=queries.NEWEST_EVALUATIONS_FIRST)
    return found.map(EvaluationOut.model_validate)


async def _monitor(session: Db, monitor: Monitor, key: str, response: Response) -> MonitorOut:
    set_etag(response, monitor.version)
    muted = await service.muted(session, await kpis.get(session, key), [monitor.id])
    return _shape(monitor, key, muted.get(monitor.id))


def _shape(monitor: Monitor, key: str, muted: Muted | None) -> MonitorOut:
    compared = {"operator": monitor.operator, "value": monitor.threshold}
    kept = {name: getattr(monitor, name) for name in MonitorOut.model_fields if hasattr(monitor, name)}
    quiet = {"muted_until": muted and muted.until, "muted_by": muted and muted.by, "muted_why": muted and muted.why}
    own = {
        "kpi": key,
        "condition": {"type": monitor.condition_type} | (compared if monitor.unusual is None else monitor.unusual),
        "window": monitor.calendar or monitor.window,
        "for": monitor.hold_for,
    }
    return MonitorOut.model_validate(kept | quiet | own)
