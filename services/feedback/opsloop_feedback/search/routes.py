"""The HTTP door of search."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_common.http.schemas import ShortText
from opsloop_common.turns import breathing
from opsloop_feedback.doors import FilterQuery
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.search import rules, service
from opsloop_feedback.search.schemas import FoundOut, HighlightOut
from opsloop_feedback.shapes import FeedbackOut

router = ApiRouter(tags=["search"])


@router.get("/v1/search", dependencies=[allow("feedback:read")])
async def search_feedback(
    q: Annotated[ShortText, Query(description="Words; a post has to speak of all of them, in either language.")],
    session: Db,
    page: PageQuery,
    filters: FilterQuery,
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
