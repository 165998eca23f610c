"""What becomes of alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from opsloop_common.contracts.envelope import EventData


class AlertEvent(EventData):
    """Base of what happens to an alert. `fingerprint` names its labels, as Prometheus and Alertmanager do."""

    aggregate = "alert"
    route = "/v1/alerts/{alert_id}"

    alert_id: UUID
    fingerprint: str
    alertname: str
    severity: str | None = None
    labels: dict[str, str]
    starts_at: datetime


class AlertTriggered(AlertEvent):
    """An alert began to fire. One that fires on is not told again, nor one that flaps."""

    type = "alert.triggered"

    incident_id: str | None = None
    """Of alerts that an event's incident led to."""


class AlertAcknowledged(AlertEvent):
    """Somebody sees to an alert; `actor` says who."""

    type = "alert.acknowledged"

    acknowledged_at: datetime


class AlertEscalated(AlertEvent):
    """Nobody saw to an alert in time, so that the next step of a policy was told; the first step is number 1."""

    type = "alert.escalated"

    policy_id: UUID
    step: int


class AlertResolved(AlertEvent):
    """An alert ended: its source said so, nobody said for too long that it fires, or a person did."""

    type = "alert.resolved"

    ended_at: datetime
    reason: Literal["recovered", "expired", "by_hand"]


EVENTS: tuple[type[EventData], ...] = (AlertTriggered, AlertAcknowledged, AlertEscalated, AlertResolved)
