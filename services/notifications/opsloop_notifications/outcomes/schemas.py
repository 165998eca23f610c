"""HTTP shapes of notifications."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.http.schemas import OutModel, Slug, Timestamp

Channel = Literal["email", "inbox", "chat", "sms", "push"]
TopicName = Slug | Literal["@alert", "@confirmation"]
Status = Literal["pending", "sent", "gathered", "failed", "cancelled"]


class NotificationOut(OutModel):
    """What became of one message to one person by one channel.

    `sent`: the mail server took it, or it lies in the inbox; `reason` says why nothing was sent. `deferred_until`: the person is left
    alone until then, and it goes out afterwards. `gathered`: it stands in the digest `digest_id`, whose own notification says the rest.
    """

    id: UUID
    message_id: UUID
    campaign_id: UUID | None
    user_id: str
    topic: str
    channel: str
    locale: str | None
    status: Status
    reason: str | None
    detail: str | None
    attempt_count: int
    deferred_until: Timestamp | None
    digest_id: UUID | None
    created_at: Timestamp
    finished_at: Timestamp | None


class CancelledOut(OutModel):
    """How many were taken back; the others are sent, failed, or on their way."""

    cancelled: int
