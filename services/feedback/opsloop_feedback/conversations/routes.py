"""The HTTP door of conversations."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.conversations import queries, service
from opsloop_feedback.conversations.schemas import MessageIn, MessageOut, SaidOut
from opsloop_feedback.drafts import service as drafts
from opsloop_feedback.items import service as items

router = ApiRouter(tags=["conversations"])


@router.get(
    "/v1/feedback/{feedback_id}/messages",
    response_model=Listing[MessageOut] | Listing[SaidOut],
    dependencies=[allow("feedback:read", "feedback:submit")],
    responses=problems(404),
)
async def list_messages(feedback_id: UUID, session: Db, who: Who, page: PageQuery) -> Response:
    """List the conversation of a feedback, newest first; to a key with nothing but `feedback:submit` what was said to the author of
    its own source's post and by them, without notes.
    """
    if who.has("feedback:read"):
        await items.get_feedback(session, feedback_id)
        found = await paginate(session, queries.messages_of(feedback_id), page, by=queries.NEWEST_FIRST)
        return await found.written(MessageOut)
    feedback = await items.get_feedback(session, feedback_id, source=who.source)
    said = queries.said_to(feedback_id, feedback.merged_into_id)
    return await (await paginate(session, said, page, by=queries.NEWEST_FIRST)).written(SaidOut)


@router.post(
    "/v1/feedback/{feedback_id}/messages",
    status_code=201,
    dependencies=[allow("feedback:write")],
    responses=problems(404, 409, 412),
)
async def add_message(feedback_id: UUID, body: MessageIn, session: Db, expected: IfMatch) -> MessageOut:
    """Reply to the author, or leave a note among us. A reply to a new feedback opens it.

    A reply to a merged one lands on the feedback that it was merged into (`feedback_id` says so). With `If-Match` of the feedback's
    ETag nothing is said when somebody replied, or the author answered, since it was seen. Your draft of this kind is gone then.
    """
    message = await service.add_message(
        session, feedback_id, kind=body.kind, body=body.body, expected=expected, files=body.attachments
    )
    await drafts.is_sent(session, feedback_id, kind=body.kind)
    return MessageOut.model_validate(message)
