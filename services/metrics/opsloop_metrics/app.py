"""The metrics service, put together."""

from __future__ import annotations

from opsloop_common.contracts.metrics import EVENTS
from opsloop_common.service import Service
from opsloop_metrics.breaches import slice as breaches
from opsloop_metrics.evaluation import slice as evaluation
from opsloop_metrics.events import slice as events
from opsloop_metrics.kpis import slice as kpis
from opsloop_metrics.retention import slice as retention
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.tables import Base

SERVICE = Service(
    name="metrics",
    title="Metrics",
    metadata=Base.metadata,
    migrations="opsloop_metrics.migrations",
    scopes=("metrics:read", "metrics:write", "metrics:admin", "metrics:capture"),
    adding=("metrics:capture",),
    events=EVENTS,
    slices=(
        kpis.SLICE,
        evaluation.SLICE,
        breaches.SLICE,
        events.SLICE,
        retention.SLICE,
    ),
    settings=MetricsSettings,
)
