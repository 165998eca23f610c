"""HTTP doors of what is said through channels."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Body, Response

from opsloop_common.http.deps import Db, Who, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.calling import service
from opsloop_notifications.calling.schemas import CallAttemptOut, ChannelTestIn, ChannelTestOut
from opsloop_notifications.calls import service as calls
from opsloop_notifications.messages import service as messages

router = ApiRouter(tags=["channels"])
Tested = Annotated[ChannelTestIn, Body(default_factory=ChannelTestIn)]
READ = allow("notifications:read")
WRITE = allow("notifications:write")


@router.post("/v1/channels/{channel_id}/test", status_code=202, dependencies=[WRITE], responses=problems(404))
async def test_channel(
    channel_id: UUID,
    body: Tested,
    session: Db,
    response: Response,
) -> ChannelTestOut:
    """Call a channel once, a disabled one too; the job tells what came of it. Web Push and SMS need somebody to reach."""
    job_id = await service.start_test(session, channel_id, body.user_id)
    set_location(response, f"/v1/jobs/{job_id}")
    return ChannelTestOut(job_id=job_id)


@router.get("/v1/notifications/{notification_id}/attempts", dependencies=[READ], responses=problems(404))
async def list_notification_attempts(
    notification_id: UUID, session: Db, who: Who, page: PageQuery
) -> Listing[CallAttemptOut]:
    """List the calls that were made of a notification by chat, SMS or Web Push, oldest first."""
    await messages.get_notification(session, notification_id)
    statement = calls.attempts_of(who.workspace, notification_id)
    return (await paginate(session, statement, page, by=calls.OLDEST_FIRST)).map(CallAttemptOut.model_validate)
