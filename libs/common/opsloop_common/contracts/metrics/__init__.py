"""Events of the metrics service: a module a room, all of them here by name."""

from __future__ import annotations

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.metrics import competitors, kpis, monitors, objectives, people, segments
from opsloop_common.contracts.metrics.competitors import CompetitorChanged
from opsloop_common.contracts.metrics.kpis import (
    KpiTargetReached,
)
from opsloop_common.contracts.metrics.monitors import (
    AlertSeverity,
    BucketLength,
    EndReason,
    KpiAnomalyDetected,
    KpiBreached,
    KpiNoData,
    KpiRecovered,
    MonitorEvent,
    Words,
)
from opsloop_common.contracts.metrics.objectives import GoalAtRisk
from opsloop_common.contracts.metrics.people import UserIdentified
from opsloop_common.contracts.metrics.segments import SegmentEntered, SegmentLeft
from opsloop_common.contracts.users import UserContactChanged, UserErased

EVENTS: tuple[type[EventData], ...] = (
    *monitors.EVENTS,
    *kpis.EVENTS,
    *people.EVENTS,
    *segments.EVENTS,
    *objectives.EVENTS,
    *competitors.EVENTS,
)

__all__ = [
    "EVENTS",
    "AlertSeverity",
    "BucketLength",
    "CompetitorChanged",
    "EndReason",
    "GoalAtRisk",
    "KpiAnomalyDetected",
    "KpiBreached",
    "KpiNoData",
    "KpiRecovered",
    "KpiTargetReached",
    "MonitorEvent",
    "SegmentEntered",
    "SegmentLeft",
    "UserContactChanged",
    "UserErased",
    "UserIdentified",
    "Words",
]
