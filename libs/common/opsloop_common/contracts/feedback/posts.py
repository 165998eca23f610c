"""A post as it comes in, is sorted and gets somebody in charge."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from opsloop_common.contracts.envelope import EventData

Kind = Literal["bug", "idea", "question", "complaint", "praise", "other"]
Channel = Literal[
    "form", "widget", "api", "email", "phone", "interview", "social", "community", "survey", "store_review"
]
Severity = Literal["s1", "s2", "s3", "s4"]


class Author(BaseModel):
    """Who said it, as far as other services may know: no name, no address."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str | None = None
    verified: bool = True
    """Whether a secret key, a person or the user's own token says so; false is a claim from a browser. Absent in events from
    before only secret keys and people could post."""


class FeedbackEvent(EventData):
    """Base of all events about one feedback."""

    aggregate = "feedback"
    route = "/v1/feedback/{feedback_id}"

    feedback_id: UUID
    number: int


class FeedbackReceived(FeedbackEvent):
    """A post was accepted and sorted; one such event a post, with the first triage in it."""

    type = "feedback.received"

    kind: Kind
    severity: Severity
    sentiment: float
    rating: int | None = None
    channel: Channel
    source: str | None = None
    """Who posted it: the source of the key. Absent in events from before keys had one."""
    locale: str | None = None
    area: str | None = None
    tags: list[str]
    author: Author
    occurred_at: datetime
    import_id: UUID | None = None
    """The file that it came with; what such a post tells happened at `occurred_at`, and is no news."""


class FeedbackClassified(FeedbackEvent):
    """Kind, severity or sentiment changed after the post was received."""

    type = "feedback.classified"

    kind: Kind
    severity: Severity
    sentiment: float
    area: str | None = None
    tags: list[str]
    changed: list[str]
    """Names of the fields that changed."""


class FeedbackAssigned(FeedbackEvent):
    """Somebody, or nobody, is now in charge of the feedback."""

    type = "feedback.assigned"

    assignee: str | None = None
    team: str | None = None


class FeedbackEscalated(FeedbackEvent):
    """Nobody answered a post in time, so that a routing rule took it on; `silent_seconds` count from receipt."""

    type = "feedback.escalated"

    rule_id: UUID
    severity: Severity
    team: str | None = None
    assignee: str | None = None
    watchers: list[str] = Field(default_factory=list)
    """Who watches the post."""
    silent_seconds: float


EVENTS: tuple[type[EventData], ...] = (FeedbackReceived, FeedbackClassified, FeedbackAssigned, FeedbackEscalated)
