"""The HTTP doors of canned replies."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.canned_replies import queries, service
from opsloop_feedback.canned_replies.models import CannedReply
from opsloop_feedback.canned_replies.schemas import CannedReplyIn, CannedReplyOut, CannedReplyPatch, TextOut
from opsloop_feedback.shapes import changes_of

router = ApiRouter(tags=["canned replies"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _answer(response: Response, reply: CannedReply) -> CannedReplyOut:
    set_etag(response, reply.version)
    return CannedReplyOut.model_validate(reply)


@router.post("/v1/canned-replies", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_canned_reply(body: CannedReplyIn, session: Db, response: Response) -> CannedReplyOut:
    """Keep what is said to authors again and again, in several languages."""
    reply = await service.create_canned_reply(session, body.model_dump())
    set_location(response, f"/v1/canned-replies/{reply.id}")
    return _answer(response, reply)


@router.get("/v1/canned-replies", dependencies=[READ])
async def list_canned_replies(session: Db, who: Who, page: PageQuery) -> Listing[CannedReplyOut]:
    """List canned replies, newest first."""
    rows = await paginate(session, queries.canned_replies(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(CannedReplyOut.model_validate)


@router.get("/v1/canned-replies/{canned_reply_id}", dependencies=[READ], responses=problems(404))
async def get_canned_reply(canned_reply_id: UUID, session: Db, response: Response) -> CannedReplyOut:
    """Show a canned reply."""
    return _answer(response, await queries.get_canned_reply(session, canned_reply_id))


@router.patch("/v1/canned-replies/{canned_reply_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_canned_reply(
    canned_reply_id: UUID, body: CannedReplyPatch, session: Db, expected: IfMatch, response: Response
) -> CannedReplyOut:
    """Change a canned reply."""
    reply = await service.change_canned_reply(session, canned_reply_id, changes_of(body), expected=expected)
    return _answer(response, reply)


@router.delete(
    "/v1/canned-replies/{canned_reply_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412)
)
async def delete_canned_reply(canned_reply_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a canned reply away."""
    await service.delete_canned_reply(session, canned_reply_id, expected=expected)


@router.get("/v1/feedback/{feedback_id}/canned-replies/{canned_reply_id}", dependencies=[READ], responses=problems(404))
async def show_canned_reply(feedback_id: UUID, canned_reply_id: UUID, session: Db) -> TextOut:
    """Show what a canned reply says to the author of a feedback, in their language: a draft, which nobody is sent."""
    return TextOut.model_validate(await service.said_to(session, feedback_id, canned_reply_id))
