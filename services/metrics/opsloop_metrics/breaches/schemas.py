"""HTTP shapes of breaches."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_metrics.breaches.rules import BreachType


class BreachOut(OutModel):
    """An incident of a monitor. `started_at` is when the condition began to hold, `opened_at` when it had held long enough.

    `threshold` is the number of the condition: of a `change` a share, of `off_track` how far behind is too far. `expected`: what
    the value was compared with instead, an anomaly's bounds and words beside it.
    """

    incident_id: UUID
    monitor_id: UUID
    kpi: str
    type: BreachType
    state: Literal["open", "closed"]
    severity: Literal["info", "warning", "critical"]
    operator: Literal["lt", "le", "gt", "ge"] | None
    threshold: float | None
    unit: str | None
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    words: dict[str, str] | None
    last_seen_at: Timestamp | None
    started_at: Timestamp
    opened_at: Timestamp
    ended_at: Timestamp | None
    end_reason: Literal["recovered", "changed", "disabled", "deleted"] | None
    end_value: float | None
