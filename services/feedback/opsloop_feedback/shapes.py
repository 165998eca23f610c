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
    Slug,
    Timestamp,
    UserId,
    addressable,
    said,
)
from opsloop_common.invisible import comparable
from opsloop_common.limits import ATTACHMENTS_PER_MESSAGE
from opsloop_common.mailboxes import address_flaw
from opsloop_feedback.filters.rules import NAMES, Filters, document_of
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
AttachmentIds = Annotated[
    list[UUID],
    Field(max_length=ATTACHMENTS_PER_MESSAGE, description="Files that were uploaded to `/v1/attachments` before."),
]
ExternalId = GivenId
"""A feedback as its source names it."""
Word = Annotated[str, StringConstraints(max_length=254)]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


def _names_an_author(value: str) -> str:
    return value if address_flaw(value) is None else addressable(value)


AuthorName = Annotated[str, StringConstraints(max_length=254), AfterValidator(_names_an_author)]
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


def split_at_commas(value: Any) -> Any:
    """Divide what a parameter says: several may stand in one."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return value
    return [part for each in value for part in each.split(",")]


def distinct_values(values: list[Any] | None) -> list[Any] | None:
    """Take each value once, in the order they came."""
    return None if values is None else list(dict.fromkeys(values))


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
    version: int = Field(description="As in its `ETag`, for `If-Match`.")
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


class FiltersIn(InModel):
    """Which posts, as the list has it: several values of one mean any of them, all that are given must hold."""

    status: Annotated[list[Status], Field(max_length=50)] = Field(default_factory=list)
    kind: Annotated[list[Kind], Field(max_length=50)] = Field(default_factory=list)
    channel: Annotated[list[Channel], Field(max_length=50)] = Field(default_factory=list)
    severity: Annotated[list[Severity], Field(max_length=50)] = Field(default_factory=list)
    author: Annotated[list[AuthorName], Field(max_length=50)] = Field(default_factory=list)
    tag: Annotated[list[Label], Field(max_length=50)] = Field(default_factory=list)
    area: Annotated[list[Label], Field(max_length=50)] = Field(default_factory=list)
    source: Annotated[list[Slug], Field(max_length=50)] = Field(default_factory=list)
    external_id: Annotated[list[ExternalId], Field(max_length=50)] = Field(default_factory=list)
    number: Annotated[list[Number], Field(max_length=50)] = Field(default_factory=list)
    assignee: Annotated[list[UserId], Field(max_length=50)] = Field(default_factory=list)
    team: Annotated[list[Label], Field(max_length=50)] = Field(default_factory=list)
    cluster: Annotated[list[UUID], Field(max_length=50)] = Field(default_factory=list)
    created_from: Timestamp | None = None
    created_to: Timestamp | None = Field(default=None, description="Not included.")
    due_before: Timestamp | None = Field(default=None, description="Not included.")
    updated_from: Timestamp | None = None
    text: ShortText | None = None

    def document(self) -> dict[str, Any]:
        """Return what is kept: what narrows nothing is left out."""
        given = {name: getattr(self, name) for name in NAMES}
        return document_of(Filters(**given | {"cluster": list(map(str, self.cluster))}))


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


class FeedbackReceipt(OutModel):
    """What is told of a feedback to who may not read it: that it is there, and how far we are."""

    id: UUID
    number: int
    status: Status
    external_id: str | None
    channel: Channel
    source: str
    created_at: Timestamp
