"""What happens to one KPI."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from opsloop_common.contracts.envelope import EventData


class KpiTargetReached(EventData):
    """A KPI's value reached its target, seen from its direction."""

    type = "kpi.target_reached"
    aggregate = "kpi"
    route = "/v1/kpis/{kpi}"

    kpi_id: UUID
    kpi: str
    kpi_name: str | None = None
    unit: str | None = None
    value: float
    target: float
    reached_at: datetime


EVENTS: tuple[type[EventData], ...] = (KpiTargetReached,)
