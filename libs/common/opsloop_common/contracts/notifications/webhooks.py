"""What happens to endpoints."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.contracts.envelope import EventData


class WebhookDisabled(EventData):
    """An endpoint gets nothing more until somebody enables it again."""

    type = "webhook.disabled"
    aggregate = "webhook"
    route = "/v1/webhooks/{webhook_id}"

    webhook_id: UUID
    url: str
    reason: Literal["gone", "failing"]


EVENTS: tuple[type[EventData], ...] = (WebhookDisabled,)
