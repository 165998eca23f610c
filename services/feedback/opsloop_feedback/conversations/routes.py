"""The HTTP door of conversations."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.conversations import queries, service
from opsloop_feedback.conversations.schemas import MessageIn, MessageOut
from opsloop_feedback.items import service as items

router = ApiRouter(tags=["conversations"])


@router.get(
    "/v1/feedback/{feedback_id}/messages",
    response_model=Listing[MessageOut],
    dependencies=[allow("feedback:read")],
    responses=problems(404),
)
async def list_messages(feedback_id: UUID, session: Db, page: PageQuery) -> Response:
    """List the conversation of a feedback, newest first."""
    await items.get_feedback(session, feedback_id)
    found = await paginate(session, queries.messages_of(feedback_id), page, by=queries.NEWEST_FIRST)
    return await found.written(MessageOut)


@router.post(
    "/v1/feedback/{feedback_id}/messages",
    status_code=201,
    dependencies=[allow("feedback:write")],
    responses=problems(404, 409),
)
async def add_message(feedback_id: UUID, body: MessageIn, session: Db) -> MessageOut:
    """Reply to the author, or leave a note among us. A reply to a new feedback opens it.

    A reply to a merged one lands on the feedback that it was merged into (`feedback_id` says so).
    """
    message = await service.add_message(session, feedback_id, kind=body.kind, body=body.body, files=body.attachments)
    return MessageOut.model_validate(message)
