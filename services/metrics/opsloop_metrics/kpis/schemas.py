"""HTTP shapes of KPIs and values."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, WithJsonSchema

from opsloop_common.conditions import DATA_FIELD, DATA_FIELD_CHARACTERS, MAX_CONDITIONS, Condition, place_in
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, in_words, plain_text, said
from opsloop_metrics.kpi_measures.rules import known_event
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpis.rules import State


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
FILES = (".svg", ".png")


def _no_file(key: str) -> str:
    if key.endswith(FILES):
        raise ValueError(f"cannot end with {' or '.join(FILES)}: that is the KPI's picture")
    return key


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
    AfterValidator(known_event),  # in words; the contract's pattern is for machines
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
    aggregate: Literal["count", "users", "share", "sum", "avg", "median", "p95"]
    property: Path | None = None
    where: Annotated[list[Where], Field(max_length=MAX_CONDITIONS)] = Field(default_factory=list)


Side = Annotated[EventsMeasure | Reported, Field(discriminator="type")]


class Ratio(InModel):
    """One measure of events divided by another."""

    type: Literal["ratio"]
    numerator: Side
    denominator: Side


AnswerPath = Annotated[
    str,
    *in_words(
        r"^[a-z_][a-z0-9_]{0,50}(\.([a-z_][a-z0-9_]{0,50}|-?[0-9]{1,5})){0,10}$",
        "must be names and places divided by dots, such as series.0.total, steps.-1.count or dau.last",
        longest=200,
    ),
]
"""Where a number stands in an insight's answer. Places count from 0, from the end below it; `last` is the last interval that is over."""


class InsightMeasure(InModel):
    """One number of a saved insight, measured from time to time. Without `path` the number that the kind is known for.

    `days`: of how many days it is asked, the last of them that of the moment, where the saved question says neither from nor until when.
    """

    type: Literal["insight"]
    insight_id: UUID
    path: AnswerPath | None = None
    days: Annotated[int, Field(ge=1, le=400)] | None = None


def _by_letters(value: dict[str, str]) -> dict[str, str]:
    if not all(len(name) == 1 and name.isascii() and name.isalpha() for name in value):
        raise ValueError("must name each KPI by one letter, A to Z, as the formula does")
    return value


class FormulaMeasure(InModel):
    """A calculation with other KPIs: `of` says which KPI each letter of `formula` is. Null where one of them is, and over 0."""

    type: Literal["formula"]
    formula: Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(said)]
    of: Annotated[dict[str, Key], Field(min_length=1, max_length=10), AfterValidator(_by_letters)]


Measure = Annotated[Reported | EventsMeasure | Ratio | InsightMeasure | FormulaMeasure, Field(discriminator="type")]
Description = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
Tags = Annotated[list[ShortText], Field(max_length=20)]


class TargetIn(InModel):
    """A target for the days from `from` to `to`, both included, of the workspace's zone."""

    from_: date = Field(alias="from")
    to: date
    value: Number


Targets = Annotated[list[TargetIn], Field(max_length=100)]


class KpiIn(InModel):
    """A KPI to define: `key`, `name` and `measure`, or a `template` (`GET /v1/kpi-templates`) that says what is left out."""

    template: ShortText | None = None
    key: Annotated[Key, AfterValidator(_no_file)] | None = None
    name: ShortText | None = None
    description: Description | None = None
    owner: ShortText | None = None
    tags: Tags = Field(default_factory=list)
    unit: Unit | None = None
    direction: Literal["up", "down"] = "up"
    target: Number | None = None
    targets: Targets = Field(default_factory=list)
    period: Period = Period.DAY
    measure: Measure | None = None


class KpiPatch(InModel):
    """What to change; description, owner, unit and target can be null."""

    name: ShortText = Field(default_factory=absent)
    description: Description | None = None
    owner: ShortText | None = None
    tags: Tags = Field(default_factory=absent)
    unit: Unit | None = None
    direction: Literal["up", "down"] = Field(default_factory=absent)
    target: Number | None = None
    targets: Targets = Field(default_factory=absent)
    period: Period = Field(default_factory=absent)
    measure: Measure = Field(default_factory=absent)


class TargetOut(OutModel):
    """A target of some days, both ends included."""

    from_: date = Field(alias="from")
    to: date
    value: float


class KpiPointOut(OutModel):
    """What a KPI came to in the period from `starts_at`, as of `at`: the period's end once that is over."""

    starts_at: Timestamp
    at: Timestamp
    value: float | None


class KpiOut(OutModel):
    """A KPI, and how it stands: `value` is the newest of `series`, `target_now` the target of today, `state` the worst of its monitors'.

    `progress` is 0 to 1, where value and target say so. `measure_error` says why it could not be measured the last time.
    """

    id: UUID
    key: str
    name: str
    description: str | None
    owner: str | None
    tags: list[str]
    unit: str | None
    direction: Literal["up", "down"]
    target: float | None
    targets: list[TargetOut]
    period: Period
    measure: dict[str, JsonValue]
    state: State
    value: float | None
    measured_at: Timestamp | None
    measure_error: str | None
    target_now: float | None
    progress: float | None
    series: list[KpiPointOut]
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
