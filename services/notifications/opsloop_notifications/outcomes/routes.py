"""HTTP doors of messages and notifications."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from opsloop_common.contracts.notifications import FailureReason
from opsloop_common.http.deps import Db, Who
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import UserId
from opsloop_notifications.messages import service as messages
from opsloop_notifications.outcomes.schemas import CancelledOut, Channel, NotificationOut, Status, TopicName
from opsloop_notifications.shapes import MessageOut, message_out

router = ApiRouter(tags=["notifications"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")


@router.get("/v1/notifications", dependencies=[READ])
async def list_notifications(
    session: Db,
    who: Who,
    page: PageQuery,
    campaign_id: Annotated[UUID | None, Query()] = None,
    message_id: Annotated[UUID | None, Query()] = None,
    user_id: Annotated[UserId | None, Query()] = None,
    status: Annotated[Status | None, Query()] = None,
    reason: Annotated[FailureReason | None, Query()] = None,
    channel: Annotated[Channel | None, Query()] = None,
    topic: Annotated[TopicName | None, Query()] = None,
) -> Listing[NotificationOut]:
    """List what was sent to whom, and why not where nothing was, newest first."""
    statement = messages.notifications_of(
        who.workspace,
        campaign_id=campaign_id,
        message_id=message_id,
        user_id=user_id,
        status=status,
        reason=reason,
        channel=channel,
        topic=topic,
    )
    return (await paginate(session, statement, page, by=messages.NEWEST_FIRST)).map(NotificationOut.model_validate)


@router.get("/v1/messages", dependencies=[READ])
async def list_messages(session: Db, who: Who, page: PageQuery) -> Listing[MessageOut]:
    """List what was said to people, those of campaigns too, newest first."""
    rows = await paginate(session, messages.messages_of(who.workspace), page, by=messages.LATEST_FIRST)
    counts = await messages.counts(session, [message.id for message in rows.items])
    return rows.map(lambda message: message_out(message, counts[message.id]))


@router.get("/v1/messages/{message_id}", dependencies=[READ], responses=problems(404))
async def get_message(message_id: UUID, session: Db) -> MessageOut:
    """Show a message and how far it is."""
    message = await messages.get_message(session, message_id)
    return message_out(message, (await messages.counts(session, [message_id]))[message_id])


@router.post("/v1/messages/{message_id}/cancel", dependencies=[WRITE], responses=problems(404))
async def cancel_message(message_id: UUID, session: Db) -> CancelledOut:
    """Take back what waits of a message, and what is asked for later. What is sent stays sent, and what is on its way may go out."""
    return CancelledOut(cancelled=await messages.cancel_message(session, message_id))


@router.post("/v1/messages/{message_id}/pause", dependencies=[WRITE], responses=problems(404))
async def pause_message(message_id: UUID, session: Db) -> MessageOut:
    """Have what waits of a message wait until it is resumed. What is on its way goes out; pausing again changes nothing."""
    await messages.pause_message(session, message_id)
    return await get_message(message_id, session)


@router.post("/v1/messages/{message_id}/resume", dependencies=[WRITE], responses=problems(404))
async def resume_message(message_id: UUID, session: Db) -> MessageOut:
    """Have a paused message go on, for each person at their time."""
    await messages.resume_message(session, message_id)
    return await get_message(message_id, session)


@router.get("/v1/messages/{message_id}/notifications", dependencies=[READ], responses=problems(404))
async def list_message_notifications(
    message_id: UUID,
    session: Db,
    who: Who,
    page: PageQuery,
    status: Annotated[Status | None, Query()] = None,
) -> Listing[NotificationOut]:
    """List what became of a message for each person and channel, newest first."""
    await messages.get_message(session, message_id)
    statement = messages.notifications_of(who.workspace, message_id=message_id, status=status)
    return (await paginate(session, statement, page, by=messages.NEWEST_FIRST)).map(NotificationOut.model_validate)


@router.get("/v1/notifications/{notification_id}", dependencies=[READ], responses=problems(404))
async def get_notification(notification_id: UUID, session: Db) -> NotificationOut:
    """Show what became of one message to one person."""
    return NotificationOut.model_validate(await messages.get_notification(session, notification_id))
