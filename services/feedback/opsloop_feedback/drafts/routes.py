"""The HTTP doors of drafts: each opens to one's own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.drafts import queries, service
from opsloop_feedback.drafts.models import FeedbackDraft
from opsloop_feedback.drafts.schemas import DraftIn, DraftOut

router = ApiRouter(tags=["conversations"])
DRAFT = "/v1/feedback/{feedback_id}/draft"
READ = allow("feedback:read")
WRITE = allow("feedback:write")
MADE: dict[int | str, dict[str, Any]] = {201: {"model": DraftOut, "description": "There was none before."}}


def _answer(response: Response, draft: FeedbackDraft) -> DraftOut:
    set_etag(response, draft.version)
    return DraftOut.model_validate(draft)


@router.put(DRAFT, dependencies=[WRITE], responses=MADE | problems(404, 409, 412))
async def keep_draft(feedback_id: UUID, body: DraftIn, session: Db, expected: IfMatch, response: Response) -> DraftOut:
    """Keep what you have written so far about a feedback: one draft a person, which nobody else sees. Sending a message of its kind
    takes it away.
    """
    draft, is_new = await service.keep_draft(session, feedback_id, kind=body.kind, body=body.body, expected=expected)
    if is_new:
        response.status_code = 201
        set_location(response, f"/v1/feedback/{feedback_id}/draft")
    return _answer(response, draft)


@router.get(DRAFT, dependencies=[READ], responses=problems(404))
async def get_draft(feedback_id: UUID, session: Db, response: Response) -> DraftOut:
    """Show your draft about a feedback."""
    return _answer(response, await queries.get_draft(session, feedback_id))


@router.delete(DRAFT, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_draft(feedback_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw your draft about a feedback away."""
    await service.delete_draft(session, feedback_id, expected=expected)
