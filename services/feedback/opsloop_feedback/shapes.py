"""HTTP shapes that several rooms speak: one feedback, and what it is labelled with."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from opsloop_common.contracts.feedback import Channel, Kind, Severity
from opsloop_common.http.schemas import GivenId, OutModel, Timestamp, said
from opsloop_common.invisible import comparable
from opsloop_feedback.states.rules import Status
from opsloop_feedback.submissions import rules as submissions


def _distinct(tags: list[str]) -> list[str]:
    first: dict[str, str] = {}
    for tag in tags:
        first.setdefault(comparable(tag), tag)
    return list(first.values())


Title = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(submissions.readable)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(said)]
Tags = Annotated[list[Label], Field(max_length=50), AfterValidator(_distinct)]
ExternalId = GivenId
"""A feedback as its source names it."""


class AuthorOut(OutModel):
    """Who said it."""

    user_id: str | None
    email: str | None
    name: str | None
    verified: bool = Field(
        description="Whether a secret key, a person or the user's own token names `user_id`; a publishable key only claims it."
    )


class ReasonOut(OutModel):
    """A rule of triage that fired, the field it decided, and the words it saw."""

    field: str
    rule: str
    words: list[str]


class TriageOut(OutModel):
    """What triage made of the post when it came in; later corrections leave it as it was."""

    engine: str
    kind: Kind
    severity: Severity
    sentiment: float
    language: str
    area: str | None
    confidence: float | None = Field(
        description="How sure the kind is, 0…1; null of what came in before that was kept."
    )
    reasons: list[ReasonOut]

    @model_validator(mode="before")
    @classmethod
    def _kept_before(cls, stored: dict[str, Any]) -> dict[str, Any]:
        return {"area": None, "confidence": None} | stored


class FeedbackOut(OutModel):
    """One feedback."""

    id: UUID
    number: int
    status: Status
    body: str
    title: str | None
    kind: Kind
    severity: Severity
    sentiment: float
    triage: TriageOut
    channel: Channel
    source: str = Field(description="Who posted it: the source of the key.")
    external_id: str | None
    author: AuthorOut
    rating: int | None
    locale: str | None
    tags: list[str]
    area: str | None
    attributes: dict[str, JsonValue]
    assignee: str | None
    team: str | None
    due_at: Timestamp | None
    occurred_at: Timestamp
    first_replied_at: Timestamp | None
    resolved_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
