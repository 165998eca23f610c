"""Events of the notifications service: a module a room, all of them here by name."""

from __future__ import annotations

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.notifications import alerts, messages, webhooks
from opsloop_common.contracts.notifications.alerts import (
    AlertAcknowledged,
    AlertEscalated,
    AlertEvent,
    AlertResolved,
    AlertTriggered,
)
from opsloop_common.contracts.notifications.messages import (
    FailureReason,
    NotificationEvent,
    NotificationFailed,
    NotificationSent,
)
from opsloop_common.contracts.notifications.webhooks import (
    WebhookDisabled,
    WebhookExhausted,
    WebhookFailing,
)

EVENTS: tuple[type[EventData], ...] = (
    *alerts.EVENTS,
    *messages.EVENTS,
    *webhooks.EVENTS,
)

__all__ = [
    "EVENTS",
    "AlertAcknowledged",
    "AlertEscalated",
    "AlertEvent",
    "AlertResolved",
    "AlertTriggered",
    "FailureReason",
    "NotificationEvent",
    "NotificationFailed",
    "NotificationSent",
    "WebhookDisabled",
    "WebhookExhausted",
    "WebhookFailing",
]
