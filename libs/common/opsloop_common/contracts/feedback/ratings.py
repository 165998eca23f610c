"""What authors think of how their posts were resolved."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.feedback.posts import Author, Channel, FeedbackEvent, Severity


class FeedbackRated(FeedbackEvent):
    """The author of a feedback said how satisfied they are with how it was resolved, or changed that within a day.

    Whoever counts people counts those that are first; `previous_score` is what such a change takes back. What they added in words is
    in no event.
    """

    type = "feedback.rated"

    response_id: UUID
    score: int = Field(ge=1, le=5)
    previous_score: int | None = None
    is_first: bool
    source: str
    channel: Channel
    severity: Severity
    assignee: str | None = None
    team: str | None = None
    author: Author


EVENTS: tuple[type[EventData], ...] = (FeedbackRated,)
