"""The HTTP door of heartbeats."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.heartbeats import queries, service
from opsloop_notifications.heartbeats.models import Heartbeat
from opsloop_notifications.heartbeats.schemas import HeartbeatIn, HeartbeatOut, HeartbeatPatch
from opsloop_notifications.shapes import changes_of

router = ApiRouter(tags=["alerts"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")


def _shown(heartbeat: Heartbeat, session: AsyncSession) -> HeartbeatOut:
    fields = {name: getattr(heartbeat, name) for name in HeartbeatOut.model_fields if name != "state"}
    return HeartbeatOut(**fields, state=service.state(heartbeat, session).value)


def _answer(response: Response, heartbeat: Heartbeat, session: AsyncSession) -> HeartbeatOut:
    set_etag(response, heartbeat.version)
    return _shown(heartbeat, session)


@router.post("/v1/heartbeats", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_heartbeat(body: HeartbeatIn, session: Db, response: Response) -> HeartbeatOut:
    """Have a job watched that must run from time to time: a backup, an import, a report."""
    heartbeat = await service.create_heartbeat(session, body.model_dump())
    set_location(response, f"/v1/heartbeats/{heartbeat.id}")
    return _answer(response, heartbeat, session)


@router.get("/v1/heartbeats", dependencies=[READ])
async def list_heartbeats(session: Db, who: Who, page: PageQuery) -> Listing[HeartbeatOut]:
    """List heartbeats, newest first."""
    rows = await paginate(session, queries.heartbeats(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(lambda heartbeat: _shown(heartbeat, session))


@router.get("/v1/heartbeats/{heartbeat_id}", dependencies=[READ], responses=problems(404))
async def get_heartbeat(heartbeat_id: UUID, session: Db, response: Response) -> HeartbeatOut:
    """Show a heartbeat."""
    return _answer(response, await queries.get_heartbeat(session, heartbeat_id), session)


@router.post("/v1/heartbeats/{heartbeat_id}/beat", dependencies=[WRITE], responses=problems(404, 409))
async def beat_heart(heartbeat_id: UUID, session: Db, response: Response) -> HeartbeatOut:
    """Say that the job lives."""
    return _answer(response, await service.beat(session, heartbeat_id), session)


@router.patch("/v1/heartbeats/{heartbeat_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_heartbeat(
    heartbeat_id: UUID, body: HeartbeatPatch, session: Db, expected: IfMatch, response: Response
) -> HeartbeatOut:
    """Change a heartbeat, pause it, or wait for it again. What fired as it was ends."""
    heartbeat = await service.change_heartbeat(session, heartbeat_id, changes_of(body), expected=expected)
    return _answer(response, heartbeat, session)


@router.delete("/v1/heartbeats/{heartbeat_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_heartbeat(heartbeat_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a heartbeat away; its alert ends."""
    await service.delete_heartbeat(session, heartbeat_id, expected=expected)
