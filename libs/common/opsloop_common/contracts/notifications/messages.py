"""What became of messages to people."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.contracts.envelope import EventData

FailureReason = Literal[
    "no_address",
    "undeliverable",
    "rejected",
    "smtp_not_configured",
    "suppressed",
    "not_confirmed",
    "unsubscribed",
    "throttled",
    "channel_not_configured",
]


class NotificationEvent(EventData):
    """Base of what became of one message to one person. `message_id` repeats the request's."""

    aggregate = "notification"
    route = "/v1/notifications/{notification_id}"

    notification_id: UUID
    message_id: UUID
    campaign_id: UUID | None = None
    user_id: str
    channel: str
    locale: str | None = None
    """Locale of the content that was chosen for the person."""


class NotificationSent(NotificationEvent):
    """The mail server or the channel's provider took the message, or it lies in the person's in-app inbox."""

    type = "notification.sent"


class NotificationFailed(NotificationEvent):
    """Nothing was sent, and nothing more will be tried."""

    type = "notification.failed"

    reason: FailureReason
    detail: str | None = None


EVENTS: tuple[type[EventData], ...] = (NotificationSent, NotificationFailed)
