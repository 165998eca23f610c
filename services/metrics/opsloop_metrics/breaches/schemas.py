"""HTTP shapes of breaches."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.http.schemas import OutModel, Timestamp


class BreachOut(OutModel):
    """An incident of a monitor. `started_at` is when the condition began to hold, `opened_at` when it had held long enough."""

    incident_id: UUID
    monitor_id: UUID
    kpi: str
    type: Literal["threshold", "no_data"]
    state: Literal["open", "closed"]
    severity: Literal["info", "warning", "critical"]
    operator: Literal["lt", "le", "gt", "ge"] | None
    threshold: float | None
    unit: str | None
    value: float | None
    last_seen_at: Timestamp | None
    started_at: Timestamp
    opened_at: Timestamp
    ended_at: Timestamp | None
    end_reason: Literal["recovered", "changed", "disabled", "deleted"] | None
    end_value: float | None
