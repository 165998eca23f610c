"""HTTP shapes of KPIs and values."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, WithJsonSchema

from opsloop_common.conditions import DATA_FIELD, DATA_FIELD_CHARACTERS, MAX_CONDITIONS, Condition, place_in
from opsloop_common.contracts.known import known_type
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, in_words, plain_text


def _as_key(value: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "_", value.lower()).strip("_.-")


def _as_path(value: str) -> str:
    return f"data.{value}"


Key = Annotated[
    str,
    *in_words(
        r"^[a-z0-9][a-z0-9_.-]{0,62}$",
        "must be lower-case letters, digits, _ . and -, up to 63, and begin with a letter or digit",
        longest=63,
        like=_as_key,
    ),
]
"""`severe_share`: names the KPI in paths and events."""
Number = Annotated[float, Field(allow_inf_nan=False)]
Path = Annotated[
    str,
    *in_words(
        f"^{DATA_FIELD}$",
        "must be a dotted path below the data of an event, such as data.rating",
        longest=DATA_FIELD_CHARACTERS,
        like=_as_path,
    ),
]
"""A dotted path below the event's data: `data.rating`, `data.author.user_id`."""
EventType = Annotated[
    str,
    AfterValidator(known_type),  # in words; the contract's pattern is for machines
    WithJsonSchema({"type": "string", "maxLength": 100, "pattern": r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$"}),
]
Unit = Annotated[ShortText, AfterValidator(plain_text)]
ATTRIBUTES = "id|type|subject|actor|workspace|correlationid"
"""Those of an event that metrics keeps."""


class Where(Condition):
    """A condition on an event: `field` is an attribute that metrics keeps, or a dotted path below the data, such as `data.rating`.

    `in` and `not_in` take a list; `lt`, `le`, `gt` and `ge` a number or a text; `exists` true (also when left out) or false; the
    others one value. Texts are compared by code point. What an event lacks counts as null.
    """

    field: Annotated[str, *place_in(ATTRIBUTES)]


class Reported(InModel):
    """Values are posted."""

    type: Literal["reported"]


class EventsMeasure(InModel):
    """Events of one type that fulfil `where`, as one number."""

    type: Literal["events"]
    event: EventType
    aggregate: Literal["count", "users", "share", "sum", "avg", "median"]
    property: Path | None = None
    where: Annotated[list[Where], Field(max_length=MAX_CONDITIONS)] = Field(default_factory=list)


Side = Annotated[EventsMeasure | Reported, Field(discriminator="type")]


class Ratio(InModel):
    """One measure of events divided by another."""

    type: Literal["ratio"]
    numerator: Side
    denominator: Side


Measure = Annotated[Reported | EventsMeasure | Ratio, Field(discriminator="type")]


class KpiIn(InModel):
    """A KPI to define."""

    key: Key
    name: ShortText
    owner: ShortText | None = None
    unit: Unit | None = None
    direction: Literal["up", "down"] = "up"
    target: Number | None = None
    measure: Measure


class KpiPatch(InModel):
    """What to change; owner, unit and target can be null."""

    name: ShortText = Field(default_factory=absent)
    owner: ShortText | None = None
    unit: Unit | None = None
    direction: Literal["up", "down"] = Field(default_factory=absent)
    target: Number | None = None
    measure: Measure = Field(default_factory=absent)


class KpiOut(OutModel):
    """A KPI."""

    id: UUID
    key: str
    name: str
    owner: str | None
    unit: str | None
    direction: Literal["up", "down"]
    target: float | None
    measure: dict[str, JsonValue]
    created_at: Timestamp
    updated_at: Timestamp


class ValueIn(InModel):
    """A value to report; `at` defaults to now and is at most five minutes ahead."""

    value: Number
    at: Timestamp | None = None


class ValueOut(OutModel):
    """A reported value."""

    id: UUID
    at: Timestamp
    value: float
    reported_by: str
    reported_at: Timestamp
