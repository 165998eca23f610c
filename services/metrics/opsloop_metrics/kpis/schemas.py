"""HTTP shapes of KPIs, values and monitors."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from opsloop_common.conditions import DATA_FIELD, MAX_CONDITIONS, Condition
from opsloop_common.http.schemas import Duration, InModel, OutModel, ShortText, Timestamp, absent

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
"""`severe_share`: names the KPI in paths and events."""
Number = Annotated[float, Field(allow_inf_nan=False)]
Path = Annotated[str, StringConstraints(pattern=f"^{DATA_FIELD}$")]
"""A dotted path below the event's data: `data.rating`, `data.author.user_id`."""
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$", max_length=100)]
Severity = Literal["info", "warning", "critical"]
Operator = Literal["lt", "le", "gt", "ge"]
Window = Duration | Literal["day", "week", "month"]
State = Literal["ok", "pending", "breached", "recovering", "no_data"]


class Where(Condition):
    """A condition on an event: `field` is an attribute that metrics keeps, or a dotted path below the data, such as `data.rating`.

    `in` and `not_in` take a list; `lt`, `le`, `gt` and `ge` a number or a text; `exists` true (also when left out) or false; the
    others one value. Texts are compared by code point. What an event lacks counts as null.
    """

    field: Annotated[str, StringConstraints(pattern=rf"^(id|type|subject|actor|workspace|correlationid|{DATA_FIELD})$")]


class Reported(InModel):
    """Values are posted."""

    type: Literal["reported"]


class EventsMeasure(InModel):
    """Events of one type that fulfil `where`, as one number. p95 is not supported yet."""

    type: Literal["events"]
    event: EventType
    aggregate: Literal["count", "users", "share", "sum", "avg", "median", "p95"]
    property: Path | None = None
    where: Annotated[list[Where], Field(max_length=MAX_CONDITIONS)] = Field(default_factory=list)


class Insight(InModel):
    """A saved insight; not supported yet."""

    type: Literal["insight"]
    insight_id: UUID


Side = Annotated[EventsMeasure | Reported | Insight, Field(discriminator="type")]


class Ratio(InModel):
    """One measure of events divided by another."""

    type: Literal["ratio"]
    numerator: Side
    denominator: Side


Measure = Annotated[Reported | EventsMeasure | Ratio | Insight, Field(discriminator="type")]


class KpiIn(InModel):
    """A KPI to define."""

    key: Key
    name: ShortText
    owner: ShortText | None = None
    unit: ShortText | None = None
    direction: Literal["up", "down"] = "up"
    target: Number | None = None
    measure: Measure


class KpiPatch(InModel):
    """What to change; owner, unit and target can be null."""

    name: ShortText = Field(default_factory=absent)
    owner: ShortText | None = None
    unit: ShortText | None = None
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


class MonitorCondition(InModel):
    """A threshold (operator and value), or no_data (neither). change and anomaly are not supported yet."""

    type: Literal["threshold", "change", "anomaly", "no_data"]
    operator: Operator | None = None
    value: Number | None = None


MinCount = Annotated[int, Field(ge=1, le=10_000)]


class MonitorIn(InModel):
    """What to watch the KPI for. A smaller sample than `min_count` raises no alarm."""

    condition: MonitorCondition
    window: Window | None = None
    for_: Duration | None = Field(default=None, alias="for")
    keep_firing_for: Duration | None = None
    min_count: MinCount = 1
    severity: Severity = "warning"
    enabled: bool = True


class MonitorPatch(InModel):
    """What to change; window, for and keep_firing_for can be null."""

    condition: MonitorCondition = Field(default_factory=absent)
    window: Window | None = None
    for_: Duration | None = Field(default=None, alias="for")
    keep_firing_for: Duration | None = None
    min_count: MinCount = Field(default_factory=absent)
    severity: Severity = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)


class MonitorConditionOut(OutModel):
    """A threshold or no_data condition."""

    type: Literal["threshold", "no_data"]
    operator: Operator | None
    value: float | None


class MonitorOut(OutModel):
    """A monitor and what it says now; `value` is that of the last evaluation."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    kpi: str
    condition: MonitorConditionOut
    window: Duration | None
    for_: Duration = Field(alias="for")
    keep_firing_for: Duration
    min_count: int
    severity: Severity
    enabled: bool
    state: State
    value: float | None
    since: Timestamp
    incident_id: UUID | None
    created_at: Timestamp
    updated_at: Timestamp


class MonitorStatus(OutModel):
    """What one monitor says."""

    id: UUID
    state: State
    value: float | None
    since: Timestamp
    incident_id: UUID | None


class StatusOut(OutModel):
    """A KPI at a glance: its value now, and the worst of its monitors' states."""

    key: str
    value: float | None
    state: State
    monitors: list[MonitorStatus]


class PointOut(OutModel):
    """The value over `(from, to]`."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Timestamp = Field(alias="from")
    to: Timestamp
    value: float | None
    samples: int


class SeriesOut(OutModel):
    """A KPI's values over consecutive intervals, oldest first."""

    key: str
    unit: str | None
    target: float | None
    points: list[PointOut]
