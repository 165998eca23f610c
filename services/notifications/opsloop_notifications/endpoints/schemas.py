"""HTTP shapes of endpoints."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from opsloop_common.contracts.known import known_pattern
from opsloop_common.filters import Filter
from opsloop_common.http.schemas import Duration, FilterTermOut, InModel, OutModel, ShortText, Timestamp, absent

EventPattern = Annotated[
    str,
    AfterValidator(known_pattern),  # in words; the contract's pattern is for machines
    WithJsonSchema(
        {"type": "string", "maxLength": 100, "pattern": r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)$"}
    ),
]
EventTypes = Annotated[list[EventPattern], Field(min_length=1, max_length=100)]
Format = Literal["cloudevents"]
Ordering = Literal["none"]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2048),
    Field(
        json_schema_extra={
            "format": "uri",
            "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
            "examples": ["https://example.com/hook"],
        }
    ),
]
Secret = Annotated[str, StringConstraints(max_length=100)]


class WebhookIn(InModel):
    """A new endpoint. `secret` is made when it is not given.

    All terms of `filter` have to hold: conditions, regular expressions (`regex`, RE2's syntax), groups `all` and `any` of them, two levels
    deep.
    """

    url: Url
    event_types: EventTypes = Field(default_factory=lambda: ["*"])
    filter: Filter = Field(default_factory=list)
    format: Format = "cloudevents"
    ordering: Ordering = "none"
    description: ShortText | None = None
    secret: Secret | None = None


class WebhookPatch(InModel):
    """What may change; what is left out stays."""

    url: Url = Field(default_factory=absent)
    event_types: EventTypes = Field(default_factory=absent)
    filter: Filter = Field(default_factory=absent)
    format: Format = Field(default_factory=absent)
    ordering: Ordering = Field(default_factory=absent)
    description: ShortText | None = None
    status: Literal["enabled", "disabled"] = Field(default_factory=absent)


class WebhookOut(OutModel):
    """An endpoint. `disabled_reason`: manual, gone (it answered 410) or failing (nothing succeeded for five days)."""

    id: UUID
    url: str
    event_types: list[str]
    filter: list[FilterTermOut]
    format: str
    ordering: str
    description: str | None
    status: Literal["enabled", "disabled"]
    disabled_reason: str | None
    failing_since: Timestamp | None
    previous_expires_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class WebhookWithSecret(WebhookOut):
    """An endpoint with its secret, shown this once."""

    secret: str


class RotateIn(InModel):
    """How long the old secret goes on signing beside the new one, at most 7 days."""

    grace: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=7))] = timedelta(hours=24)
    secret: Secret | None = None
