"""HTTP shapes that several rooms speak: one feedback, what it is labelled with, and a rule that labels."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from opsloop_common.contracts.feedback import Channel, Kind, Severity
from opsloop_common.filters import Filter
from opsloop_common.foreign import readable as readable_by
from opsloop_common.http.schemas import (
    EmailAddress,
    GivenId,
    InModel,
    OutModel,
    ShortText,
    Timestamp,
    UserId,
    said,
)
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
BODY_CHARACTERS = 50_000
FIRST_YEAR, LAST_YEAR = 2000, 2200
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _day(value: Any) -> date:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a day such as 2026-10-01")
    day = readable_by(date.fromisoformat, value)
    if day is None:
        raise ValueError("must be a day that exists")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"has to lie in the years from {FIRST_YEAR} to {LAST_YEAR}")
    return day


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def changes_of(body: InModel, *, mode: Literal["json", "python"] = "json") -> dict[str, Any]:
    """Return what a patch says, by name; what is within it stays whole, with what goes without saying."""
    return {name: value for name, value in body.model_dump(mode=mode).items() if name in body.model_fields_set}


def _small(attributes: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if flaw := submissions.attributes_flaw(attributes):
        raise ValueError(flaw)
    return attributes


BodyText = Annotated[
    str, StringConstraints(min_length=1, max_length=BODY_CHARACTERS), AfterValidator(submissions.readable)
]
Attributes = Annotated[dict[str, JsonValue], AfterValidator(_small)]


def _address(url: str) -> str:
    if flaw := submissions.source_url_flaw(url):
        raise ValueError(flaw)
    return url


SourceUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=submissions.SOURCE_URL_CHARACTERS),
    AfterValidator(_address),
    WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": submissions.SOURCE_URL_CHARACTERS, "pattern": "^https?://"}
    ),
]
Rating = Annotated[int, Field(ge=1, le=5)]


class AuthorIn(InModel):
    """Who said it, as far as known."""

    user_id: UserId | None = None
    email: EmailAddress | None = None
    name: ShortText | None = None


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
    source_url: str | None = Field(description="Where it was said, as who posted it has it; nobody has looked there.")
    entered_by: str | None = Field(
        description="Who of the staff wrote it down for its author; null where the author did."
    )
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
    merged_into_id: UUID | None = Field(description="Which feedback stands for it, once it is `merged`.")
    affected_users: int = Field(
        description="Distinct authors of it and of all that were merged into it; who is unknown counts as one."
    )
    occurred_at: Timestamp
    first_replied_at: Timestamp | None
    resolved_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


Position = Annotated[int, Field(ge=0, le=1_000_000, description="Lower ones come first.")]


class Decision(InModel):
    """What a post then is. The sender's own kind and area stay."""

    kind: Kind | None = None
    severity: Severity | None = None
    area: Label | None = None
    add_tags: Tags = Field(default_factory=list)


class TriageRuleIn(InModel):
    """A rule. All of `when` has to hold of a post: conditions, `regex`, groups `all` and `any`, on `data.text` (title and body in
    lower case, simplified), `data.rating`, `data.channel`, `data.locale`, `data.source`, `data.kind`, `data.severity`,
    `data.attributes.<name>` and so on, as words and corrections have sorted it.

    Of several rules that hold, the first by `position` decides a field; the tags of all are added.
    """

    name: Label
    position: Position = 0
    enabled: bool = True
    when: Filter
    set: Decision

    def fields(self) -> dict[str, Any]:
        """Return what the use case takes."""
        said = self.model_dump(mode="json", exclude={"set"})
        return {**said, **self.set.model_dump(mode="json")}
