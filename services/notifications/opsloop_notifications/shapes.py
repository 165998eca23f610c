"""HTTP shapes that several rooms speak: one event on its way to one endpoint, and matchers on labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator

from opsloop_common.contracts.known import known_pattern
from opsloop_common.http.schemas import InModel, OutModel, Timestamp, storable
from opsloop_notifications.labels.rules import NAME_PATTERN, Matcher, MatchOp, require_pattern

LABEL_NAMES = r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$"

DeliveryState = Literal["pending", "succeeded", "failed", "cancelled"]


class DeliveryOut(OutModel):
    """One event on its way to one endpoint. `event_id` is the `webhook-id` of every attempt."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    event_type: str
    status: DeliveryState
    failure: str | None
    attempt_count: int
    next_attempt_at: Timestamp | None
    created_at: Timestamp
    finished_at: Timestamp | None


EventPattern = Annotated[
    str,
    AfterValidator(known_pattern),  # in words; the contract's pattern is for machines
    WithJsonSchema(
        {"type": "string", "maxLength": 100, "pattern": r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)$"}
    ),
]


def map_contract(*, names: str, most: int, value: Mapping[str, Any]) -> WithJsonSchema:
    """Return what the contract says of an object whose names fit a pattern, and each of whose values such a schema."""
    return WithJsonSchema(
        {
            "type": "object",
            "maxProperties": most,
            "propertyNames": {"pattern": names},
            "additionalProperties": dict(value),
        }
    )


MOST_LABELS = 20
LabelName = Annotated[str, StringConstraints(max_length=100, pattern=NAME_PATTERN)]
LabelValue = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(storable)]
Labels = Annotated[
    dict[LabelName, LabelValue],
    Field(max_length=MOST_LABELS),
    map_contract(names=LABEL_NAMES, most=MOST_LABELS, value={"type": "string", "maxLength": 1_000}),
]


class MatcherIn(InModel):
    """A condition on one label: `=`, `!=`, `=~` and `!~`, as Prometheus has them. A label that is missing counts as empty.

    Regular expressions mean the whole value, in RE2's syntax.
    """

    name: LabelName
    op: Literal["=", "!=", "=~", "!~"] = "="
    value: LabelValue

    @model_validator(mode="after")
    def _is_an_expression(self) -> MatcherIn:
        if self.op in ("=~", "!~"):
            require_pattern(self.value)
        return self


class MatcherOut(OutModel):
    """A condition on one label."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


Matchers = Annotated[list[MatcherIn], Field(min_length=1, max_length=20)]


def changes_of(body: InModel, *, mode: Literal["json", "python"] = "python") -> dict[str, Any]:
    """Return what a patch says, by name; what is within it stays whole, with what goes without saying."""
    return {name: value for name, value in body.model_dump(mode=mode).items() if name in body.model_fields_set}


def matchers_of(given: Iterable[MatcherIn]) -> list[Matcher]:
    """Return what was sent as the rules have it."""
    return [Matcher(one.name, MatchOp(one.op), one.value) for one in given]
