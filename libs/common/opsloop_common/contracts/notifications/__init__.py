"""Events of the notifications service: a module a room, all of them here by name."""

from __future__ import annotations

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.notifications import messages, recipients, webhooks
from opsloop_common.contracts.notifications.messages import (
    FailureReason,
    NotificationEvent,
    NotificationFailed,
    NotificationSent,
)
from opsloop_common.contracts.notifications.recipients import (
    RecipientEvent,
    RecipientSuppressed,
    RecipientUnsubscribed,
    SuppressionReason,
)
from opsloop_common.contracts.notifications.webhooks import (
    WebhookDisabled,
)

EVENTS: tuple[type[EventData], ...] = (
    *messages.EVENTS,
    *recipients.EVENTS,
    *webhooks.EVENTS,
)

__all__ = [
    "EVENTS",
    "FailureReason",
    "NotificationEvent",
    "NotificationFailed",
    "NotificationSent",
    "RecipientEvent",
    "RecipientSuppressed",
    "RecipientUnsubscribed",
    "SuppressionReason",
    "WebhookDisabled",
]
