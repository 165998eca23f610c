"""The HTTP door of tests."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Body, Response

from opsloop_common.http.deps import Db, Who, set_location
from opsloop_common.http.routing import ApiRouter, allow, problems, tells_own
from opsloop_notifications.bindings.rules import SCOPE, bound_to
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.shapes import DeliveryOut
from opsloop_notifications.trying import service
from opsloop_notifications.trying.schemas import WebhookTestIn

router = ApiRouter(tags=["webhooks"])
Tried = Annotated[WebhookTestIn, Body(default_factory=WebhookTestIn)]
WRITING = "notifications:write"
WRITE = [allow(WRITING, SCOPE), tells_own(SCOPE)]


@router.post("/v1/webhooks/{webhook_id}/test", status_code=202, dependencies=WRITE, responses=problems(404, 409))
async def test_webhook(webhook_id: UUID, session: Db, who: Who, response: Response, body: Tried) -> DeliveryOut:
    """Send a `webhook.test` event, or a sample of a type, the way every event goes; the delivery tells what came of it.

    409 for a type that the endpoint does not hear.
    """
    await endpoints.require_within(session, webhook_id, bound_to(who, unless=WRITING))
    delivery = await service.send_test(session, webhook_id, body.event_type)
    set_location(response, f"/v1/deliveries/{delivery.id}")
    return DeliveryOut.model_validate(delivery)
