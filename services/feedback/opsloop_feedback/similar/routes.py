"""The HTTP door of what is similar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import Query

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.similar import rules, service
from opsloop_feedback.similar.schemas import SimilarList, SimilarOut
from opsloop_feedback.similar.service import Similar

router = ApiRouter(tags=["similar feedback"])

READ = [allow("feedback:read")]
EXCERPT_CHARACTERS = 200
Limit = Annotated[int, Query(ge=1, le=20)]
Text = Annotated[str, Query(min_length=1, max_length=2_000, description="What somebody is about to say.")]


@router.get("/v1/feedback/{feedback_id}/similar", dependencies=READ, responses=problems(404))
async def list_similar(feedback_id: UUID, session: Db, limit: Limit = rules.SHOWN) -> SimilarList:
    """List the feedback that is most like this one, with the words that both have: in Chinese, English, or one in each.

    What was merged into another is found as the other. Feedback is found some seconds after it came in.
    """
    return _shaped(await service.similar_to(session, feedback_id, limit=limit))


@router.get("/v1/similar", dependencies=READ)
async def list_similar_to_text(text: Text, session: Db, limit: Limit = rules.SHOWN) -> SimilarList:
    """List the feedback that is most like a text, while somebody types it."""
    return _shaped(await service.similar_to_text(session, text, limit=limit))


def _shaped(found: Iterable[Similar]) -> SimilarList:
    return SimilarList(items=[_one(each) for each in found])


def _one(each: Similar) -> SimilarOut:
    feedback = each.feedback
    return SimilarOut(
        id=feedback.id,
        number=feedback.number,
        status=feedback.status,
        title=feedback.title,
        excerpt=feedback.body[:EXCERPT_CHARACTERS],
        kind=feedback.kind,
        severity=feedback.severity,
        channel=feedback.channel,
        area=feedback.area,
        created_at=feedback.created_at,
        score=each.match.score,
        shared=each.match.shared,
    )
