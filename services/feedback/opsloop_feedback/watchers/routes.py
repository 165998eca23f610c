"""The HTTP doors of watchers."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.items import service as items
from opsloop_feedback.watchers import queries, service
from opsloop_feedback.watchers.schemas import WatcherOut, WatchersChangedOut, WatchersIn

router = ApiRouter(tags=["watchers"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


@router.get("/v1/feedback/{feedback_id}/watchers", dependencies=[READ], responses=problems(404))
async def list_watchers(feedback_id: UUID, session: Db, page: PageQuery) -> Listing[WatcherOut]:
    """List who watches a feedback, who came first first."""
    await items.get_feedback(session, feedback_id)
    found = await paginate(session, queries.watchers_of(feedback_id), page, by=queries.IN_ORDER)
    return found.map(WatcherOut.model_validate)


@router.put("/v1/feedback/{feedback_id}/watchers", dependencies=[WRITE], responses=problems(404, 409))
async def add_watchers(feedback_id: UUID, body: WatchersIn, session: Db) -> WatchersChangedOut:
    """Have people watch a feedback, at most 50 at a time; who does already stays. `feedback.escalated` names them."""
    return WatchersChangedOut.model_validate(await service.add_watchers(session, feedback_id, body.user_ids))


@router.delete("/v1/feedback/{feedback_id}/watchers", dependencies=[WRITE], responses=problems(404))
async def remove_watchers(feedback_id: UUID, body: WatchersIn, session: Db) -> WatchersChangedOut:
    """Have people watch a feedback no more."""
    return WatchersChangedOut.model_validate(await service.remove_watchers(session, feedback_id, body.user_ids))
