"""The HTTP door of items."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag
from opsloop_common.http.paging import PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.doors import FacetQuery, FilterQuery, SortQuery
from opsloop_feedback.filters.rules import Sort
from opsloop_feedback.items import counting, queries, service
from opsloop_feedback.items.schemas import FeedbackListing, FeedbackPatch, shaped
from opsloop_feedback.shapes import FeedbackOut, FeedbackReceipt

router = ApiRouter(tags=["feedback"])

READ = [allow("feedback:read")]
WRITE = [allow("feedback:write")]


@router.get("/v1/feedback", response_model=FeedbackListing, dependencies=READ)
async def list_feedback(
    session: Db, page: PageQuery, filters: FilterQuery, sort: SortQuery = Sort.NEWEST, facets: FacetQuery = None
) -> Response:
    """List feedback, newest first unless `sort` says otherwise. A repeated filter means any of its values; all filters must hold."""
    found = await paginate(session, queries.matching(filters), page, by=queries.ORDERS[sort])
    counted = shaped(await counting.count_by(session, filters, facets)) if facets else None
    return await found.written(FeedbackOut, {"facets": counted})


@router.get(
    "/v1/feedback/{feedback_id}",
    dependencies=[allow("feedback:read", "feedback:submit")],
    responses=problems(404),
)
async def get_feedback(feedback_id: UUID, session: Db, who: Who, response: Response) -> FeedbackOut | FeedbackReceipt:
    """Show one feedback; a key with nothing but `feedback:submit` is told how far we are with what its own source posted."""
    reads = who.has("feedback:read")
    feedback = await queries.get_feedback(session, feedback_id, source=None if reads else who.source)
    set_etag(response, feedback.version)
    return (FeedbackOut if reads else FeedbackReceipt).model_validate(feedback)


@router.patch("/v1/feedback/{feedback_id}", dependencies=WRITE, responses=problems(404, 409, 412))
async def update_feedback(
    feedback_id: UUID, body: FeedbackPatch, session: Db, expected: IfMatch, response: Response
) -> FeedbackOut:
    """Sort, assign or label a feedback, or move it on; a status that may not follow answers 409 with those that may."""
    changes = body.model_dump(exclude_unset=True)
    feedback = await service.change_feedback(session, feedback_id, changes, expected=expected)
    set_etag(response, feedback.version)
    return FeedbackOut.model_validate(feedback)
