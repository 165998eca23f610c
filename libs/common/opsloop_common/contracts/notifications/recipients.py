"""What people, and the servers of their mail, say of being written to."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.contracts.envelope import EventData

SuppressionReason = Literal["hard_bounce", "soft_bounce", "complaint", "unsubscribe", "manual"]


class RecipientEvent(EventData):
    """Base of what changed for one person. `recipient_id` is always the same for a user id; no event names an address."""

    aggregate = "recipient"
    route = "/v1/recipients/{user_id}"

    recipient_id: UUID
    user_id: str


class RecipientSuppressed(RecipientEvent):
    """The person's address gets nothing more, until the suppression is taken back."""

    type = "recipient.suppressed"

    suppression_id: UUID
    channel: str
    reason: SuppressionReason


class RecipientUnsubscribed(RecipientEvent):
    """The person wants nothing more of a topic on a channel. `by`: a link in a mail, or whoever set it through the API."""

    type = "recipient.unsubscribed"

    topic: str
    channel: str
    by: Literal["link", "api"]


EVENTS: tuple[type[EventData], ...] = (RecipientSuppressed, RecipientUnsubscribed)
