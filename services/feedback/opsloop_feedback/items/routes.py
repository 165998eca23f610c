"""The HTTP door of items."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import AfterValidator

from opsloop_common.contracts.feedback import Channel, Kind, Severity
from opsloop_common.http.deps import Db, IfMatch, Who, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import ShortText, Slug, Timestamp, UserId, addressable
from opsloop_common.mailboxes import address_flaw
from opsloop_feedback.items import queries, service
from opsloop_feedback.items.queries import Filters
from opsloop_feedback.items.schemas import FeedbackPatch
from opsloop_feedback.shapes import ExternalId, FeedbackOut, FeedbackReceipt
from opsloop_feedback.states.rules import Status

router = ApiRouter(tags=["feedback"])

READ = [allow("feedback:read")]
WRITE = [allow("feedback:write")]


def _names_an_author(value: str) -> str:
    return value if address_flaw(value) is None else addressable(value)


Word = Annotated[str, Query(max_length=254)]
AuthorName = Annotated[str, Query(max_length=254), AfterValidator(_names_an_author)]
Number = Annotated[int, Query(ge=1, le=2**63 - 1)]


async def _filters(
    status: Annotated[list[Status] | None, Query()] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    channel: Annotated[list[Channel] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    author: Annotated[list[AuthorName] | None, Query(description="A user id or an e-mail address.")] = None,
    tag: Annotated[list[Word] | None, Query()] = None,
    area: Annotated[list[Word] | None, Query()] = None,
    source: Annotated[list[Slug] | None, Query(description="Who posted it.")] = None,
    external_id: Annotated[list[ExternalId] | None, Query()] = None,
    number: Annotated[list[Number] | None, Query()] = None,
    assignee: Annotated[list[UserId] | None, Query()] = None,
    team: Annotated[list[Word] | None, Query()] = None,
    created_from: Timestamp | None = None,
    created_to: Annotated[Timestamp | None, Query(description="Not included.")] = None,
    due_before: Annotated[Timestamp | None, Query(description="Not included.")] = None,
    updated_from: Timestamp | None = None,
    text: Annotated[ShortText | None, Query(description="Words that title or body hold, all of them.")] = None,
) -> Filters:
    return Filters(
        status=status or (),
        kind=kind or (),
        channel=channel or (),
        severity=severity or (),
        author=author or (),
        tag=tag or (),
        area=area or (),
        source=source or (),
        external_id=external_id or (),
        number=number or (),
        assignee=assignee or (),
        team=team or (),
        created_from=created_from,
        created_to=created_to,
        due_before=due_before,
        updated_from=updated_from,
        text=text,
    )


@router.get("/v1/feedback", response_model=Listing[FeedbackOut], dependencies=READ)
async def list_feedback(session: Db, page: PageQuery, filters: Annotated[Filters, Depends(_filters)]) -> Response:
    """List feedback, newest first. A repeated filter means any of its values; all filters must hold."""
    found = await paginate(session, queries.matching(filters), page, by=queries.NEWEST_FIRST)
    return await found.written(FeedbackOut)


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
