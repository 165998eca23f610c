"""The metrics service, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opsloop_common.contracts.metrics import EVENTS
from opsloop_common.service import Runtime, Service
from opsloop_metrics.breaches import slice as breaches
from opsloop_metrics.events import slice as events
from opsloop_metrics.forgetting import slice as forgetting
from opsloop_metrics.kpis import slice as kpis
from opsloop_metrics.monitors import service as watching
from opsloop_metrics.monitors import slice as monitors
from opsloop_metrics.overview import slice as overview
from opsloop_metrics.people import slice as people
from opsloop_metrics.ports import MetricsPorts, NoPersonEvents
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.tables import Base


@asynccontextmanager
async def open_ports(runtime: Runtime) -> AsyncIterator[MetricsPorts]:
    """Name who is told of what becomes of a KPI, and where the events of persons are."""
    yield MetricsPorts(watching=watching, secrets=runtime.secrets, person_events=NoPersonEvents())


SERVICE = Service(
    name="metrics",
    title="Metrics",
    metadata=Base.metadata,
    migrations="opsloop_metrics.migrations",
    scopes=("metrics:read", "metrics:write", "metrics:admin"),
    events=EVENTS,
    slices=(
        kpis.SLICE,
        overview.SLICE,
        monitors.SLICE,
        breaches.SLICE,
        events.SLICE,
        forgetting.SLICE,
        people.SLICE,
    ),
    settings=MetricsSettings,
    open=open_ports,
)
