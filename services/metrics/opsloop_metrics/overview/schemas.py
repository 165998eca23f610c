"""HTTP shapes of what a KPI comes to."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_metrics.alarms.rules import ConditionType
from opsloop_metrics.muting.rules import MutedBy

State = Literal["ok", "pending", "breached", "recovering", "no_data"]


class MonitorStatus(OutModel):
    """What one monitor says; `expected` is what its value is compared with, if not with a threshold.

    Until `muted_until` it opens nothing: `muted_why` is the reason of its mute, or the name of the maintenance window.
    """

    id: UUID
    type: ConditionType
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


class StatusOut(OutModel):
    """A KPI at a glance: its value now, and the worst of its monitors' states."""

    key: str
    value: float | None
    state: State
    monitors: list[MonitorStatus]
