"""The metrics service, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opsloop_common.contracts.metrics import EVENTS
from opsloop_common.db import settings_of
from opsloop_common.service import Runtime, Service
from opsloop_metrics.breaches import slice as breaches
from opsloop_metrics.events import slice as events
from opsloop_metrics.forgetting import slice as forgetting
from opsloop_metrics.funnels import slice as funnels
from opsloop_metrics.kpis import slice as kpis
from opsloop_metrics.monitors import service as watching
from opsloop_metrics.monitors import slice as monitors
from opsloop_metrics.overview import slice as overview
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.store.opening import open_store
from opsloop_metrics.tables import Base


@asynccontextmanager
async def open_ports(runtime: Runtime) -> AsyncIterator[MetricsPorts]:
    """Name who is told of what becomes of a KPI, and keep the event store at hand; nothing is opened before it is used."""
    async with open_store(settings_of(runtime, MetricsSettings)) as store:
        yield MetricsPorts(watching=watching, store=store)


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
        funnels.SLICE,
    ),
    settings=MetricsSettings,
    open=open_ports,
)
