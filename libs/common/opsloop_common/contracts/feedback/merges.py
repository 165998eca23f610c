"""Posts that say the same are joined, and parted again."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.feedback.posts import Author, FeedbackEvent


class FeedbackMerged(FeedbackEvent):
    """The feedback was merged into another, which stands for both. `affected_users`: distinct authors of all that the other stands for."""

    type = "feedback.merged"

    into_id: UUID
    into_number: int
    is_automatic: bool
    """Whether it repeats the other word for word and joined by itself."""
    affected_users: int
    author: Author
    source: str | None = None
    """Who posted it, as in `feedback.received`. Absent in events from before it was told here."""


class FeedbackUnmerged(FeedbackEvent):
    """The feedback stands for itself again. `affected_users`: of the one that it was merged into, without it."""

    type = "feedback.unmerged"

    from_id: UUID
    from_number: int
    affected_users: int
    author: Author
    source: str | None = None
    """Who posted it, as in `feedback.received`. Absent in events from before it was told here."""


EVENTS: tuple[type[EventData], ...] = (FeedbackMerged, FeedbackUnmerged)
