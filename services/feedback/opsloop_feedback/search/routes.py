"""The HTTP door of search."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from opsloop_common.contracts.feedback import Channel, Kind, Severity
from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_common.http.schemas import ShortText, Slug, Timestamp, UserId
from opsloop_common.turns import breathing
from opsloop_feedback.items.service import Feedback, Filters
from opsloop_feedback.search import rules, service
from opsloop_feedback.search.schemas import FoundOut, HighlightOut
from opsloop_feedback.shapes import ExternalId, FeedbackOut
from opsloop_feedback.states.rules import Status

router = ApiRouter(tags=["search"])

Word = Annotated[str, Query(max_length=254)]
Number = Annotated[int, Query(ge=1, le=2**63 - 1)]


async def _filters(
    status: Annotated[list[Status] | None, Query()] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    channel: Annotated[list[Channel] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    author: Annotated[list[Word] | None, Query(description="A user id or an e-mail address.")] = None,
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
) -> Filters:
    several = {
        "status": status,
        "kind": kind,
        "channel": channel,
        "severity": severity,
        "author": author,
        "tag": tag,
        "area": area,
        "source": source,
        "external_id": external_id,
        "number": number,
        "assignee": assignee,
        "team": team,
    }
    return Filters(
        **{name: values or () for name, values in several.items()},  # type: ignore[arg-type]
        created_from=created_from,
        created_to=created_to,
        due_before=due_before,
        updated_from=updated_from,
    )


@router.get("/v1/search", dependencies=[allow("feedback:read")])
async def search_feedback(
    q: Annotated[ShortText, Query(description="Words; a post has to speak of all of them, in either language.")],
    session: Db,
    page: PageQuery,
    filters: Annotated[Filters, Depends(_filters)],
) -> Listing[FoundOut]:
    """Search title and body, newest first: 登录 finds "sign in", and 報表匯出 finds 导出报表. Filters are those of the list.

    What was merged is found too (`merged_into_id` says where it went), but for word-for-word repeats, which are found as what they repeat.
    """
    asked = await service.search(session, q, filters)
    if asked is None:
        return Listing[FoundOut](items=[], next_cursor=None)
    found = await paginate(session, asked.statement, page, by=service.NEWEST_FIRST)

    def shaped(feedback: Feedback) -> FoundOut:
        shown = rules.highlights(feedback.title, feedback.body, asked.terms, by=asked.by)
        return FoundOut(
            feedback=FeedbackOut.model_validate(feedback),
            highlights=[HighlightOut.model_validate(each) for each in shown],
        )

    return Listing[FoundOut](items=await breathing(shaped, found.items), next_cursor=found.next_cursor)
