"""What is said to the author of a post."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.feedback.posts import Author, FeedbackEvent


class FeedbackReplied(FeedbackEvent):
    """A reply went to the author. `reply_seconds` counts from receipt to the first reply, null on later ones."""

    type = "feedback.replied"

    message_id: UUID
    is_first: bool
    reply_seconds: float | None = None
    author: Author


EVENTS: tuple[type[EventData], ...] = (FeedbackReplied,)
