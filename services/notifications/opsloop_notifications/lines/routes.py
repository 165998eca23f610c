"""HTTP doors of lines."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.service import DeliveryLine, LineView
from opsloop_notifications.lines import service
from opsloop_notifications.lines.schemas import LineOut, LineState

router = ApiRouter(tags=["webhooks"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")


def _shown(line: DeliveryLine, view: LineView) -> LineOut:
    return LineOut(
        id=line.id,
        stream=line.stream,
        status="moving" if line.parked_at is None else "parked",
        reason=line.reason,
        parked_at=line.parked_at,
        delivery_id=view.delivery_id,
        event_id=view.event_id,
        event_type=view.event_type,
        waiting=view.waiting,
        created_at=line.created_at,
    )


@router.get("/v1/webhooks/{webhook_id}/lines", dependencies=[READ], responses=problems(404))
async def list_webhook_lines(
    webhook_id: UUID, session: Db, page: PageQuery, status: Annotated[LineState | None, Query()] = None
) -> Listing[LineOut]:
    """List the streams of which an endpoint with `ordering` stream has not got all yet, newest first: where each is, and which stand."""
    statement = await service.lines(session, webhook_id, is_parked=None if status is None else status == "parked")
    rows = await paginate(session, statement, page, by=deliveries.LINES_NEWEST_FIRST)
    views = await deliveries.show_lines(session, [line.id for line in rows.items])
    return rows.map(lambda line: _shown(line, views.get(line.id, deliveries.NOTHING_LEFT)))


@router.post(
    "/v1/webhooks/{webhook_id}/lines/{line_id}/park",
    status_code=204,
    dependencies=[WRITE],
    responses=problems(404, 409),
)
async def park_line(webhook_id: UUID, line_id: UUID, session: Db) -> None:
    """Have a line stand at what is first in it; what is in flight right now still ends. Others go on."""
    await service.park(session, webhook_id, line_id)


@router.post(
    "/v1/webhooks/{webhook_id}/lines/{line_id}/skip",
    status_code=204,
    dependencies=[WRITE],
    responses=problems(404, 409),
)
async def skip_line(webhook_id: UUID, line_id: UUID, session: Db) -> None:
    """Give up the delivery at which a line stands; it goes on with the next."""
    await service.skip(session, webhook_id, line_id)


@router.post(
    "/v1/webhooks/{webhook_id}/lines/{line_id}/resume",
    status_code=204,
    dependencies=[WRITE],
    responses=problems(404, 409, 410),
)
async def resume_line(webhook_id: UUID, line_id: UUID, session: Db) -> None:
    """Have a line that stands go on with the delivery at which it does, from its first attempt on. 410 when that is past its retention."""
    await service.resume(session, webhook_id, line_id)
