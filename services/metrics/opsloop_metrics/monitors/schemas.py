"""HTTP shapes of monitors and their history."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsloop_common.http.schemas import Duration, InModel, OutModel, Timestamp, absent
from opsloop_metrics.muting.rules import MutedBy

Number = Annotated[float, Field(allow_inf_nan=False)]
Severity = Literal["info", "warning", "critical"]
Operator = Literal["lt", "le", "gt", "ge"]
Window = Duration
State = Literal["ok", "pending", "breached", "recovering", "no_data"]


class MonitorCondition(InModel):
    """A threshold (operator and value), or no_data (neither)."""

    type: Literal["threshold", "no_data"]
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
    """A monitor and what it says now; `value` is that of the last evaluation.

    Until `muted_until` it opens nothing: `muted_why` is the reason of its mute, or the name of the maintenance window.
    """

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
