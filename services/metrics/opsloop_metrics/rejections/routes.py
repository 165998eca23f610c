"""HTTP doors of the reject log."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Query

from opsloop_common.db import clock_of
from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_common.http.schemas import ShortText, Timestamp
from opsloop_metrics.capture.rules import Reason
from opsloop_metrics.rejections import queries
from opsloop_metrics.rejections.schemas import RejectedMessageOut, RejectionCountOut, RejectionSummaryOut

router = ApiRouter(tags=["rejected messages"])
READ = allow("metrics:read")
DEFAULT_TIME = timedelta(days=1)

From = Annotated[Timestamp | None, Query(alias="from", description="Received then or later.")]
To = Annotated[Timestamp | None, Query(alias="to", description="Received before.")]


@router.get("/v1/rejected-messages", dependencies=[READ])
async def list_rejected_messages(
    session: Db,
    page: PageQuery,
    reason: Annotated[Reason | None, Query(description="Why it was refused.")] = None,
    source: Annotated[ShortText | None, Query(description="Whose key sent it.")] = None,
    vendor: Annotated[ShortText | None, Query(description="Whose client sent it, such as `segment`.")] = None,
    message_id: Annotated[ShortText | None, Query(description="What the client called it.")] = None,
    start: From = None,
    end: To = None,
) -> Listing[RejectedMessageOut]:
    """List the messages that were refused, and why, the newest first. They are kept for 30 days."""
    found = queries.rejections(
        session, start=start, end=end, reason=reason, source=source, vendor=vendor, message_id=message_id
    )
    page_of = await paginate(session, found, page, by=queries.NEWEST_FIRST)
    return page_of.map(RejectedMessageOut.model_validate)


@router.get("/v1/rejected-messages/summary", dependencies=[READ])
async def summarize_rejected_messages(session: Db, start: From = None, end: To = None) -> RejectionSummaryOut:
    """Count what was refused by reason, unless told otherwise in the last 24 hours."""
    until = end or clock_of(session).now() + timedelta(seconds=1)
    since = start or until - DEFAULT_TIME
    counts = await queries.by_reason(session, since, until)
    return RejectionSummaryOut(
        counts=[RejectionCountOut.model_validate(row) for row in counts],
        left_out=await queries.left_out(session, since, until),
    )
