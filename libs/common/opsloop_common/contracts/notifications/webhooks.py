"""What happens to endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from opsloop_common.contracts.envelope import EventData


class WebhookDisabled(EventData):
    """An endpoint gets nothing more until somebody enables it again. `url` is without its path and query, which may let one in."""

    type = "webhook.disabled"
    aggregate = "webhook"
    route = "/v1/webhooks/{webhook_id}"

    webhook_id: UUID
    url: str
    reason: Literal["gone", "failing"]


class WebhookFailing(EventData):
    """An endpoint has begun to fail: several attempts in a row without a success. Told once until it answers, at most once an hour."""

    type = "webhook.failing"
    aggregate = "webhook"
    route = "/v1/webhooks/{webhook_id}"

    webhook_id: UUID
    host: str
    """Whom it calls; the rest of an address is often what opens it."""
    failing_since: datetime
    failures: int
    """Attempts since the last success."""
    failure: str
    """How the last one failed: http_error, timeout, connection, dns, tls, protocol, redirect, blocked_target, gone, template_failed."""
    status_code: int | None = None


class WebhookExhausted(EventData):
    """Deliveries to an endpoint ended without success: their attempts are used up, or another would change nothing."""

    type = "webhook.exhausted"
    aggregate = "webhook"
    route = "/v1/webhooks/{webhook_id}"

    webhook_id: UUID
    host: str
    deliveries: int
    """How many ended at about this time; the fields below are the first one's."""
    delivery_id: UUID
    event_id: UUID
    event_type: str
    failure: str


EVENTS: tuple[type[EventData], ...] = (WebhookDisabled, WebhookFailing, WebhookExhausted)
