"""HTTP shapes of monitors and their history."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from opsloop_common.http.schemas import Duration, InModel, OutModel, Timestamp, absent, format_duration, parse_duration
from opsloop_metrics.alarms.rules import ConditionType, Operator
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.muting.rules import MutedBy

Number = Annotated[float, Field(allow_inf_nan=False)]
Least = Annotated[float, Field(ge=0, le=1e100)]
Severity = Literal["info", "warning", "critical"]
State = Literal["ok", "pending", "breached", "recovering", "no_data"]
BucketLength = Literal["day", "hour"]
Direction = Literal["up", "down", "both"]
Sensitivity = Literal["low", "medium", "high"]


def _read_window(given: object) -> timedelta | Period:
    return Period(given) if isinstance(given, str) and given in list(Period) else parse_duration(given)


def _write_window(window: timedelta | Period) -> str:
    return format_duration(window) if isinstance(window, timedelta) else window.value


Window = Annotated[
    timedelta | Period,
    PlainValidator(_read_window),
    PlainSerializer(_write_window, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "duration"},
                {"type": "string", "enum": [each.value for each in Period]},
            ],
            "examples": ["PT1H"],
        }
    ),
]
"""An ISO 8601 duration, which slides, or the calendar's period that runs."""


class MonitorCondition(InModel):
    """When a monitor is unhappy.

    `threshold`: the value compares so (`operator`) with `value`. `change`: the change since the window before does, as a share of
    that (-0.2: a fifth less). `off_track`: the way to the target of the day is behind its time by more than `value`. `no_data`:
    nothing comes in. `anomaly`: a day or hour (`interval`) is unusual; `direction` (both), `sensitivity` (medium), `min_absolute`,
    `min_relative` and days that are `excluded` say what is.
    """

    type: ConditionType
    operator: Operator | None = None
    value: Number | None = None
    interval: BucketLength | None = None
    direction: Direction | None = None
    sensitivity: Sensitivity | None = None
    min_absolute: Least | None = None
    min_relative: Least | None = None
    excluded: Annotated[list[date], Field(max_length=100)] | None = None


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
    """A condition that is no anomaly."""

    type: Literal["threshold", "change", "off_track", "no_data"]
    operator: Operator | None
    value: float | None


class AnomalyConditionOut(OutModel):
    """What an anomaly is."""

    type: Literal["anomaly"]
    interval: BucketLength
    direction: Direction
    sensitivity: Sensitivity
    min_absolute: float
    min_relative: float
    excluded: list[date]


class MonitorOut(OutModel):
    """A monitor and what it says now; `value` is that of the last evaluation, of an anomaly that of the last bucket.

    `expected`: what it is compared with (the window before, the pace, what was expected), an anomaly's bounds and words beside it.
    Until `muted_until` it opens nothing: `muted_why` is the reason of its mute, or the name of the maintenance window.
    """

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    kpi: str
    condition: Annotated[MonitorConditionOut | AnomalyConditionOut, Field(discriminator="type")]
    window: Window | None
    for_: Duration = Field(alias="for")
    keep_firing_for: Duration
    min_count: int
    severity: Severity
    enabled: bool
    state: State
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    words: dict[str, str] | None
    since: Timestamp
    incident_id: UUID | None
    muted_until: Timestamp | None
    muted_by: MutedBy | None
    muted_why: str | None
    created_at: Timestamp
    updated_at: Timestamp


class EvaluationOut(OutModel):
    """What a monitor saw: the last evaluation of ten seconds in one state."""

    at: Timestamp
    value: float | None
    samples: int
    state: State
