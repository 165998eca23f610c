"""HTTP doors of notifications."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query

from opsloop_common.http.deps import Db, Who
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import UserId
from opsloop_notifications.messages import queries
from opsloop_notifications.messages.schemas import NotificationOut

router = ApiRouter(tags=["notifications"])
READ = allow("notifications:read")


@router.get("/v1/notifications", dependencies=[READ])
async def list_notifications(
    session: Db,
    who: Who,
    page: PageQuery,
    campaign_id: Annotated[UUID | None, Query()] = None,
    message_id: Annotated[UUID | None, Query()] = None,
    user_id: Annotated[UserId | None, Query()] = None,
    status: Annotated[Literal["pending", "sent", "failed"] | None, Query()] = None,
) -> Listing[NotificationOut]:
    """List what was sent to whom, and why not where nothing was, newest first."""
    statement = queries.notifications_of(
        who.workspace, campaign_id=campaign_id, message_id=message_id, user_id=user_id, status=status
    )
    return (await paginate(session, statement, page, by=queries.NEWEST_FIRST)).map(NotificationOut.model_validate)


@router.get("/v1/notifications/{notification_id}", dependencies=[READ], responses=problems(404))
async def get_notification(notification_id: UUID, session: Db) -> NotificationOut:
    """Show what became of one message to one person."""
    return NotificationOut.model_validate(await queries.get_notification(session, notification_id))
