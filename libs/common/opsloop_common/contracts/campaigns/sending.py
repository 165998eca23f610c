"""What a campaign asks others to send."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from opsloop_common.contracts.envelope import EventData

MessageChannel = Literal["email"]
RECIPIENTS_PER_REQUEST = 500


class MessageContent(BaseModel):
    """What is said, in one locale."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    locale: str
    subject: str
    body: str


class MessageRequested(EventData):
    """A chunk of people is to be told something through a channel.

    Each recipient gets the content of the best matching locale. `message_id` and the user together name one message, so a
    repeated request sends nothing twice.
    """

    type = "message.requested"
    is_internal = True
    aggregate = "campaign"
    route = "/v1/campaigns/{campaign_id}"

    campaign_id: UUID
    message_id: UUID
    channel: MessageChannel
    user_ids: list[str] = Field(max_length=RECIPIENTS_PER_REQUEST)
    contents: list[MessageContent]
    topic: str | None = None
    """Key of the notification topic that people may unsubscribe from; absent: `general`."""


class MessageChanged(EventData):
    """What was requested of a message, and what still will be, goes on, waits, or goes out to nobody any more.

    It is in the stream of the requests, so that its place among them is known; the last word counts.
    """

    type = "message.changed"
    is_internal = True
    aggregate = "campaign"
    route = "/v1/campaigns/{campaign_id}"

    campaign_id: UUID
    message_id: UUID
    state: Literal["going", "paused", "cancelled"]


EVENTS: tuple[type[EventData], ...] = (MessageRequested, MessageChanged)
