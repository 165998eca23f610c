"""How a post ends, and begins again."""

from __future__ import annotations

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.feedback.posts import Author, FeedbackEvent


class FeedbackResolved(FeedbackEvent):
    """The feedback was resolved; `resolution_seconds` counts from receipt."""

    type = "feedback.resolved"

    resolution_seconds: float
    author: Author
    source: str | None = None
    """Who posted it, as in `feedback.received`. Absent in events from before it was told here."""


class FeedbackReopened(FeedbackEvent):
    """A resolved or closed feedback is open again."""

    type = "feedback.reopened"

    author: Author
    source: str | None = None
    """Who posted it, as in `feedback.received`. Absent in events from before it was told here."""


EVENTS: tuple[type[EventData], ...] = (FeedbackResolved, FeedbackReopened)
