"""What is said to the author of a post."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.feedback.posts import Author, FeedbackEvent

ReplyChannel = Literal["email", "inbox"]
REPLY_CHANNELS = ("email", "inbox")
REFERENCES = 3


class FeedbackReplied(FeedbackEvent):
    """A reply went out to the author, or lies ready for whoever posted it.

    `reply_seconds` counts from receipt to the first reply, null on later ones.
    """

    type = "feedback.replied"

    message_id: UUID
    is_first: bool
    reply_seconds: float | None = None
    author: Author
    source: str | None = None
    """Who posted it, as in `feedback.received`. Absent in events from before it was told here."""


class ReplyRequested(FeedbackEvent):
    """A reply is to go out to the author, and what becomes of it to be told by `notification.sent` and `notification.failed`.

    `message_id` and the channel together name one notification, so a repeated request sends nothing twice. `email`: where the author
    said that they are reached; absent: where `user_id` is. `reply_to` and `references` are what an answer by mail comes back by.
    """

    type = "reply.requested"
    is_internal = True

    message_id: UUID
    user_id: str
    email: str | None = None
    channels: list[ReplyChannel] = Field(max_length=len(REPLY_CHANNELS))
    locale: str
    title: str
    body: str
    reply_to: str | None = None
    references: list[str] = Field(default=[], max_length=REFERENCES)


EVENTS: tuple[type[EventData], ...] = (FeedbackReplied, ReplyRequested)
