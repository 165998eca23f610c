"""The HTTP doors of scheduled replies."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.drafts import service as drafts
from opsloop_feedback.items import service as items
from opsloop_feedback.scheduled_replies import queries, service
from opsloop_feedback.scheduled_replies.models import ScheduledReply
from opsloop_feedback.scheduled_replies.schemas import ScheduledReplyIn, ScheduledReplyOut, ScheduledReplyPatch
from opsloop_feedback.shapes import changes_of

router = ApiRouter(tags=["conversations"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")
ALL, ONE = "/v1/feedback/{feedback_id}/scheduled-replies", "/v1/scheduled-replies/{scheduled_reply_id}"


def _answer(response: Response, reply: ScheduledReply) -> ScheduledReplyOut:
    set_etag(response, reply.version)
    return ScheduledReplyOut.model_validate(reply)


@router.post(ALL, status_code=201, dependencies=[WRITE], responses=problems(404, 409))
async def schedule_reply(
    feedback_id: UUID, body: ScheduledReplyIn, session: Db, response: Response
) -> ScheduledReplyOut:
    """Write a reply that is said at `send_at`, or when the feedback's team begins to work, once.

    One whose feedback was merged meanwhile lands where that went. One whose feedback was resolved or closed meanwhile is held, until
    somebody gives it another time.
    """
    reply = await service.schedule_reply(session, feedback_id, body.model_dump())
    await drafts.is_sent(session, feedback_id, kind="reply")
    set_location(response, f"/v1/scheduled-replies/{reply.id}")
    return _answer(response, reply)


@router.get(ALL, dependencies=[READ], responses=problems(404))
async def list_scheduled_replies(feedback_id: UUID, session: Db, page: PageQuery) -> Listing[ScheduledReplyOut]:
    """List what is said to the author of a feedback later, or was, the earliest first."""
    await items.get_feedback(session, feedback_id)
    found = await paginate(session, queries.replies_to(feedback_id), page, by=queries.BY_TIME)
    return found.map(ScheduledReplyOut.model_validate)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_scheduled_reply(scheduled_reply_id: UUID, session: Db, response: Response) -> ScheduledReplyOut:
    """Show a scheduled reply; `message_id` is the message that it became."""
    return _answer(response, await queries.get_reply(session, scheduled_reply_id))


@router.patch(ONE, dependencies=[WRITE], responses=problems(404, 409, 412))
async def update_scheduled_reply(
    scheduled_reply_id: UUID, body: ScheduledReplyPatch, session: Db, expected: IfMatch, response: Response
) -> ScheduledReplyOut:
    """Have something else said, or at another time; what was sent stays (409)."""
    changes = changes_of(body, mode="python")
    return _answer(response, await service.change_reply(session, scheduled_reply_id, changes, expected=expected))


@router.delete(ONE, status_code=204, dependencies=[WRITE], responses=problems(404, 409, 412))
async def cancel_scheduled_reply(scheduled_reply_id: UUID, session: Db, expected: IfMatch) -> None:
    """Have it not said; what was sent stays (409)."""
    await service.cancel_reply(session, scheduled_reply_id, expected=expected)
