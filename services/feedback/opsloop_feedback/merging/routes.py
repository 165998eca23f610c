"""HTTP doors of merging."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, set_etag
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.merging import service
from opsloop_feedback.merging.schemas import MergeIn
from opsloop_feedback.shapes import FeedbackOut

router = ApiRouter(tags=["merging"])
WRITE = allow("feedback:write")


def _answer(response: Response, feedback: Feedback) -> FeedbackOut:
    set_etag(response, feedback.version)
    return FeedbackOut.model_validate(feedback)


@router.post("/v1/feedback/{feedback_id}/merge", dependencies=[WRITE], responses=problems(404, 409))
async def merge_feedback(feedback_id: UUID, body: MergeIn, session: Db, response: Response) -> FeedbackOut:
    """Let another feedback stand for this one, and for all that were merged into it; answers the other.

    Nothing is lost: this one stays as it is, with `status: merged`, replies to it go to the other, and `affected_users` counts its
    author there. A feedback that was merged itself stands for none (409 with `merged_into`).
    """
    return _answer(response, await service.merge_feedback(session, feedback_id, body.into))


@router.post("/v1/feedback/{feedback_id}/unmerge", dependencies=[WRITE], responses=problems(404, 409))
async def unmerge_feedback(feedback_id: UUID, session: Db, response: Response) -> FeedbackOut:
    """Let a merged feedback stand for itself again, with the status that it had, and for those that were merged into it before."""
    return _answer(response, await service.unmerge_feedback(session, feedback_id))
