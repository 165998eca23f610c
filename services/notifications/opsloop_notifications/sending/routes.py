"""HTTP doors of what was sent to endpoints, and of sending it again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Body, Query

from opsloop_common.http.deps import Db, Who
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_notifications.bindings.rules import SCOPE, bound_to
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.sending import service
from opsloop_notifications.sending.schemas import AttemptOut, DeliveredType, DeliveryWithAttempts, ResendIn
from opsloop_notifications.shapes import DeliveryOut, DeliveryState

router = ApiRouter(tags=["webhooks"])
Resent = Annotated[ResendIn, Body(default_factory=ResendIn)]
READING = "notifications:read"
READ = allow(READING)
READ_OWN = allow(READING, SCOPE)
WRITE = allow("notifications:write")


@router.get("/v1/webhooks/{webhook_id}/deliveries", dependencies=[READ_OWN], responses=problems(404))
async def list_webhook_deliveries(
    webhook_id: UUID,
    session: Db,
    who: Who,
    page: PageQuery,
    status: Annotated[DeliveryState | None, Query()] = None,
    event_type: Annotated[DeliveredType | None, Query()] = None,
) -> Listing[DeliveryOut]:
    """List an endpoint's deliveries, newest first."""
    await endpoints.get_webhook(session, webhook_id)
    await endpoints.require_within(session, webhook_id, bound_to(who, unless=READING))
    statement = deliveries.deliveries_of(webhook_id, status=status, event_type=event_type)
    rows = await paginate(session, statement, page, by=deliveries.NEWEST_FIRST)
    return rows.map(DeliveryOut.model_validate)


@router.get("/v1/deliveries", dependencies=[READ])
async def list_deliveries(
    session: Db,
    who: Who,
    page: PageQuery,
    webhook_id: Annotated[UUID | None, Query()] = None,
    event_id: Annotated[UUID | None, Query(description="Where one event went.")] = None,
    event_type: Annotated[DeliveredType | None, Query()] = None,
    status: Annotated[DeliveryState | None, Query()] = None,
    created_from: Timestamp | None = None,
    created_to: Timestamp | None = None,
) -> Listing[DeliveryOut]:
    """List the deliveries of all endpoints, latest first; `created_to` is the first moment that is left out."""
    filters = deliveries.Filters(webhook_id, event_id, event_type, status, created_from, created_to)
    statement = deliveries.deliveries(who.workspace, filters)
    rows = await paginate(session, statement, page, by=deliveries.LATEST_FIRST)
    return rows.map(DeliveryOut.model_validate)


@router.get("/v1/deliveries/{delivery_id}", dependencies=[READ_OWN], responses=problems(404))
async def get_delivery(delivery_id: UUID, session: Db, who: Who) -> DeliveryWithAttempts:
    """Show one delivery with each attempt: what was sent, what came back, and when the next is due."""
    delivery = await deliveries.get_delivery(session, delivery_id)
    if (bound := bound_to(who, unless=READING)) is not None:
        await endpoints.require_within(session, delivery.webhook_id, bound)
    attempts = await deliveries.attempts_of(session, delivery_id)
    return DeliveryWithAttempts(
        **DeliveryOut.model_validate(delivery).model_dump(),
        payload=await service.payload_of(session, delivery, attempts),
        attempts=[AttemptOut.model_validate(attempt) for attempt in attempts],
    )


@router.post(
    "/v1/deliveries/{delivery_id}/resend", status_code=202, dependencies=[WRITE], responses=problems(404, 409, 410)
)
async def resend_delivery(delivery_id: UUID, session: Db, body: Resent) -> DeliveryOut:
    """Try a delivery again, now and from the first attempt on, with the same `webhook-id`. 410 when its event is past its retention."""
    return DeliveryOut.model_validate(await service.resend(session, delivery_id))
