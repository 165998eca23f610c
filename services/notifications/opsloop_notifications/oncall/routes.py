"""The HTTP doors of schedules."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_common.turns import breathing
from opsloop_notifications.oncall import queries, service
from opsloop_notifications.oncall.models import Schedule
from opsloop_notifications.oncall.schemas import (
    OverrideIn,
    OverrideOut,
    ScheduleIn,
    ScheduleOut,
    SchedulePatch,
    ShiftOut,
    ShiftsOut,
)
from opsloop_notifications.shapes import changes_of

router = ApiRouter(tags=["alerts"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")


def _answer(response: Response, schedule: Schedule) -> ScheduleOut:
    set_etag(response, schedule.version)
    return ScheduleOut.model_validate(schedule)


@router.post("/v1/schedules", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_schedule(body: ScheduleIn, session: Db, response: Response) -> ScheduleOut:
    """Say who is on call when, for the steps of escalation policies."""
    schedule = await service.create_schedule(session, body.model_dump())
    set_location(response, f"/v1/schedules/{schedule.id}")
    return _answer(response, schedule)


@router.get("/v1/schedules", dependencies=[READ])
async def list_schedules(session: Db, who: Who, page: PageQuery) -> Listing[ScheduleOut]:
    """List schedules, newest first."""
    rows = await paginate(session, queries.schedules(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(ScheduleOut.model_validate)


@router.get("/v1/schedules/{schedule_id}", dependencies=[READ], responses=problems(404))
async def get_schedule(schedule_id: UUID, session: Db, response: Response) -> ScheduleOut:
    """Show a schedule."""
    return _answer(response, await queries.get_schedule(session, schedule_id))


@router.patch("/v1/schedules/{schedule_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_schedule(
    schedule_id: UUID, body: SchedulePatch, session: Db, expected: IfMatch, response: Response
) -> ScheduleOut:
    """Change a schedule."""
    return _answer(response, await service.change_schedule(session, schedule_id, changes_of(body), expected=expected))


@router.delete("/v1/schedules/{schedule_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_schedule(schedule_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a schedule away; steps that name it reach nobody."""
    await service.delete_schedule(session, schedule_id, expected=expected)


@router.get("/v1/schedules/{schedule_id}/shifts", dependencies=[READ], responses=problems(404))
async def list_shifts(
    schedule_id: UUID,
    session: Db,
    since: Annotated[Timestamp | None, Query(description="Now, when left out.")] = None,
    until: Annotated[Timestamp | None, Query(description="A week later, when left out; 31 days at most.")] = None,
) -> ShiftsOut:
    """Show who is on call: the first shift is of who is now, unless nobody is."""
    found = await service.shifts_of(session, schedule_id, since, until)
    return ShiftsOut(shifts=await breathing(ShiftOut.model_validate, found))


@router.post(
    "/v1/schedules/{schedule_id}/overrides", status_code=201, dependencies=[WRITE], responses=problems(404, 409)
)
async def create_override(schedule_id: UUID, body: OverrideIn, session: Db, response: Response) -> OverrideOut:
    """Have somebody take over for a while."""
    override = await service.create_override(session, schedule_id, body.model_dump())
    set_location(response, f"/v1/schedules/{schedule_id}/overrides/{override.id}")
    set_etag(response, override.version)
    return OverrideOut.model_validate(override)


@router.get("/v1/schedules/{schedule_id}/overrides", dependencies=[READ], responses=problems(404))
async def list_overrides(schedule_id: UUID, session: Db, who: Who, page: PageQuery) -> Listing[OverrideOut]:
    """List who takes over when, newest first."""
    await queries.get_schedule(session, schedule_id)
    query = queries.overrides(who.workspace, schedule_id)
    rows = await paginate(session, query, page, by=queries.NEWEST_OVERRIDE_FIRST)
    return rows.map(OverrideOut.model_validate)


@router.get("/v1/schedules/{schedule_id}/overrides/{override_id}", dependencies=[READ], responses=problems(404))
async def get_override(schedule_id: UUID, override_id: UUID, session: Db, response: Response) -> OverrideOut:
    """Show who takes over."""
    override = await queries.get_override(session, schedule_id, override_id)
    set_etag(response, override.version)
    return OverrideOut.model_validate(override)


@router.delete(
    "/v1/schedules/{schedule_id}/overrides/{override_id}",
    status_code=204,
    dependencies=[WRITE],
    responses=problems(404, 412),
)
async def delete_override(schedule_id: UUID, override_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw an override away."""
    await service.delete_override(session, schedule_id, override_id, expected=expected)
