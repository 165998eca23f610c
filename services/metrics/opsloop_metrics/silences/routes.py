"""Muting a monitor, and maintenance windows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.db import clock_of
from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.silences import queries, service
from opsloop_metrics.silences.models import MaintenanceWindow, Mute
from opsloop_metrics.silences.rules import WindowState
from opsloop_metrics.silences.schemas import (
    MaintenanceWindowIn,
    MaintenanceWindowOut,
    MaintenanceWindowPatch,
    MuteIn,
    MuteOut,
)

router = ApiRouter(tags=["kpis"])
READ = [allow("metrics:read")]
WRITE = [allow("metrics:write")]
MUTE = "/v1/kpis/{key}/monitors/{monitor_id}/mute"
ALL, ONE = "/v1/maintenance-windows", "/v1/maintenance-windows/{window_id}"
MADE: dict[int | str, dict[str, Any]] = {201: {"model": MuteOut, "description": "It was not muted before."}}


@router.put(MUTE, dependencies=WRITE, responses=MADE | problems(404, 412))
async def mute_monitor(
    key: str, monitor_id: UUID, body: MuteIn, session: Db, expected: IfMatch, response: Response
) -> MuteOut:
    """Mute a monitor until a time: it looks on, and opens nothing before that. What is open recovers as ever."""
    mute, is_new = await service.mute(session, key, monitor_id, body.until, body.reason, expected=expected)
    if is_new:
        response.status_code = 201
        set_location(response, f"/v1/kpis/{key}/monitors/{monitor_id}/mute")
    return _mute(response, mute)


@router.get(MUTE, dependencies=READ, responses=problems(404))
async def get_mute(key: str, monitor_id: UUID, session: Db, response: Response) -> MuteOut:
    """Show until when a monitor was muted last."""
    return _mute(response, await service.get_mute(session, key, monitor_id))


@router.delete(MUTE, status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def unmute_monitor(key: str, monitor_id: UUID, session: Db, expected: IfMatch) -> None:
    """Let a monitor speak again; a breach that lasts is told at once."""
    await service.unmute(session, key, monitor_id, expected=expected)


def _mute(response: Response, mute: Mute) -> MuteOut:
    set_etag(response, mute.version)
    return MuteOut.model_validate(mute)


@router.post(ALL, status_code=201, dependencies=WRITE, responses=problems(409))
async def create_maintenance_window(body: MaintenanceWindowIn, session: Db, response: Response) -> MaintenanceWindowOut:
    """Plan a time in which monitors look on and open nothing; a breach that lasts beyond its end is told then, once."""
    window = await service.create_window(session, body.model_dump())
    set_location(response, f"/v1/maintenance-windows/{window.id}")
    return await _answer(session, response, window)


@router.get(ALL, dependencies=READ)
async def list_maintenance_windows(
    session: Db,
    page: PageQuery,
    state: Annotated[list[WindowState] | None, Query(description="One or several of these.")] = None,
) -> Listing[MaintenanceWindowOut]:
    """List maintenance windows, the latest to start first."""
    now, zone = clock_of(session).now(), await service.zone(session)
    repeating = await service.repeating(session, state) if state else ()
    wanted = queries.windows(state or (), now, repeating=repeating)
    found = await paginate(session, wanted, page, by=queries.LATEST_FIRST)
    return found.map(lambda window: _shape(window, now, zone))


@router.get(ONE, dependencies=READ, responses=problems(404))
async def get_maintenance_window(window_id: UUID, session: Db, response: Response) -> MaintenanceWindowOut:
    """Show a maintenance window."""
    return await _answer(session, response, await queries.get_window(session, window_id))


@router.patch(ONE, dependencies=WRITE, responses=problems(404, 412))
async def update_maintenance_window(
    window_id: UUID, body: MaintenanceWindowPatch, session: Db, expected: IfMatch, response: Response
) -> MaintenanceWindowOut:
    """Change a maintenance window: whoever ends it early hears at once of breaches that last."""
    changes = body.model_dump(exclude_unset=True)
    return await _answer(session, response, await service.change_window(session, window_id, changes, expected=expected))


@router.delete(ONE, status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_maintenance_window(window_id: UUID, session: Db, expected: IfMatch) -> None:
    """Call a maintenance window off; breaches that last are told at once."""
    await service.delete_window(session, window_id, expected=expected)


async def _answer(session: Db, response: Response, window: MaintenanceWindow) -> MaintenanceWindowOut:
    set_etag(response, window.version)
    return _shape(window, clock_of(session).now(), await service.zone(session))


def _shape(window: MaintenanceWindow, now: datetime, zone: str) -> MaintenanceWindowOut:
    kept = {name: getattr(window, name) for name in MaintenanceWindowOut.model_fields if hasattr(window, name)}
    times = service.times_of(window)
    start, end = times.now_or_next(now, zone) or (None, None)
    own = {"next_starts_at": start, "next_ends_at": end, "state": times.state(now, zone)}
    return MaintenanceWindowOut.model_validate(kept | own)
