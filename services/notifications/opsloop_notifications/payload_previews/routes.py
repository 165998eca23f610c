"""The HTTP door of previews."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Body

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, also_reads, problems
from opsloop_notifications.payload_previews import service
from opsloop_notifications.payload_previews.schemas import PayloadPreviewIn, PayloadPreviewOut

router = ApiRouter(tags=["webhooks"])
Previewed = Annotated[PayloadPreviewIn, Body(default_factory=PayloadPreviewIn)]
WRITE = allow("notifications:write")


@router.post("/v1/webhooks/{webhook_id}/preview", dependencies=[WRITE, also_reads()], responses=problems(404, 409))
async def preview_webhook_payload(webhook_id: UUID, body: Previewed, session: Db) -> PayloadPreviewOut:
    """Show what the endpoint would be called with, by its own template or one that is not saved. Nobody is called.

    What the event lacks, or what comes to no JSON, is a 422 that names the line.
    """
    template = body.payload_template if "payload_template" in body.model_fields_set else True
    shown = await service.preview(
        session, webhook_id, event_type=body.event_type, event_id=body.event_id, template=template
    )
    return PayloadPreviewOut(
        event_type=shown.event.type,
        event_id=shown.event.id,
        is_heard=shown.is_heard,
        method="POST",
        url=shown.url,
        headers=dict(shown.headers),
        body=shown.body,
    )
