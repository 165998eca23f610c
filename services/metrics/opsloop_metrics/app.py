"""The metrics service, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opsloop_common.contracts.metrics import EVENTS
from opsloop_common.db import settings_of
from opsloop_common.service import Runtime, Service
from opsloop_common.supervision import supervised
from opsloop_metrics.breaches import slice as breaches
from opsloop_metrics.domain_feed import service as feeding
from opsloop_metrics.domain_feed import slice as domain_feed
from opsloop_metrics.event_imports import slice as event_imports
from opsloop_metrics.events import slice as events
from opsloop_metrics.forgetting import slice as forgetting
from opsloop_metrics.kpis import slice as kpis
from opsloop_metrics.monitors import service as watching
from opsloop_metrics.monitors import slice as monitors
from opsloop_metrics.overview import slice as overview
from opsloop_metrics.people import slice as people
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.posthog import slice as posthog
from opsloop_metrics.recording.writer import Writer
from opsloop_metrics.rejections import slice as rejections
from opsloop_metrics.segment import slice as segment
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.store.opening import open_store
from opsloop_metrics.store.persons import StoredPersons
from opsloop_metrics.tables import Base
from opsloop_metrics.visits.service import places


@asynccontextmanager
async def open_ports(runtime: Runtime) -> AsyncIterator[MetricsPorts]:
    """Keep at hand what the rooms share; the event store is opened at its first use."""
    settings = settings_of(runtime, MetricsSettings)
    async with open_store(settings) as store:
        writer = Writer(runtime.db, store)
        with places(settings.geoip_database) as find_place:
            async with supervised({"capture": writer.run}):
                yield MetricsPorts(
                    watching=watching,
                    store=store,
                    sink=writer,
                    find_place=find_place,
                    secrets=runtime.secrets,
                    person_events=StoredPersons(store),
                    feed=feeding,
                )


SERVICE = Service(
    name="metrics",
    title="Metrics",
    metadata=Base.metadata,
    migrations="opsloop_metrics.migrations",
    scopes=("metrics:read", "metrics:write", "metrics:admin", "metrics:capture"),
    adding=("metrics:capture",),
    events=EVENTS,
    slices=(
        segment.SLICE,
        posthog.SLICE,
        kpis.SLICE,
        overview.SLICE,
        monitors.SLICE,
        breaches.SLICE,
        events.SLICE,
        forgetting.SLICE,
        people.SLICE,
        rejections.SLICE,
        event_imports.SLICE,
        domain_feed.SLICE,
    ),
    settings=MetricsSettings,
    open=open_ports,
)
