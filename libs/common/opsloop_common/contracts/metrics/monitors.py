"""What monitors say about their KPIs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from opsloop_common.contracts.envelope import EventData

AlertSeverity = Literal["info", "warning", "critical"]
EndReason = Literal["recovered", "changed", "disabled", "deleted"]

Condition = Literal["threshold", "change", "anomaly", "off_track", "no_data"]
BucketLength = Literal["day", "hour"]


class Words(BaseModel):
    """Why it is an anomaly, for people: "412, expected 655 ± 60 for a Tuesday"."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    en: str
    zh: str


class MonitorEvent(EventData):
    """Base of what a monitor says about its KPI. `kpi` is the KPI's key; the stream is the monitor's.

    `kpi_name` and `unit` are for people who are told; absent in events from before these were carried.
    """

    aggregate = "monitor"
    route = "/v1/breaches/{incident_id}"

    monitor_id: UUID
    kpi: str
    kpi_name: str | None = None
    unit: str | None = None


class KpiBreached(MonitorEvent):
    """A monitor's condition held long enough; one such event an incident."""

    type = "kpi.breached"

    incident_id: UUID
    value: float
    threshold: float | None = None
    operator: Literal["lt", "le", "gt", "ge"] | None = None
    expected: float | None = None
    """What the value is compared with where that is no threshold: the window before, the pace of a target, what was expected."""
    condition: Condition | None = None
    words: Words | None = None
    severity: AlertSeverity
    started_at: datetime


class KpiAnomalyDetected(MonitorEvent):
    """A day or an hour, from `at` on, was unusual. One such event for each of an incident, the first with its kpi.breached."""

    type = "kpi.anomaly_detected"

    incident_id: UUID
    at: datetime
    interval: BucketLength
    value: float
    expected: float
    low: float
    high: float
    words: Words
    severity: AlertSeverity


class KpiRecovered(MonitorEvent):
    """The incident is over: the condition no longer holds, or its monitor was changed, switched off or deleted."""

    type = "kpi.recovered"

    incident_id: UUID
    value: float | None = None
    severity: AlertSeverity
    started_at: datetime
    ended_at: datetime
    reason: EndReason | None = None


class KpiNoData(MonitorEvent):
    """A no-data monitor saw nothing inside its window; one such event a silence."""

    type = "kpi.no_data"

    incident_id: UUID
    severity: AlertSeverity
    last_seen_at: datetime | None = None
    started_at: datetime


EVENTS: tuple[type[EventData], ...] = (KpiBreached, KpiAnomalyDetected, KpiRecovered, KpiNoData)
