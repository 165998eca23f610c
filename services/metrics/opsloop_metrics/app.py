"""The metrics service, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opsloop_common.bus.log import Log
from opsloop_common.bus.topics import CAPTURE
from opsloop_common.contracts.metrics import EVENTS
from opsloop_common.db import settings_of
from opsloop_common.outbound.client import OutboundClient, policy_from
from opsloop_common.service import Runtime, Service
from opsloop_common.supervision import LoopMeter, supervised
from opsloop_metrics.active_users import routes as active_users_door
from opsloop_metrics.active_users import slice as active_users
from opsloop_metrics.amplitude import slice as amplitude
from opsloop_metrics.annotations import slice as annotating
from opsloop_metrics.attributions import routes as attributions_door
from opsloop_metrics.attributions import slice as attributions
from opsloop_metrics.breaches import slice as breaches
from opsloop_metrics.breakdowns import routes as breakdowns_door
from opsloop_metrics.breakdowns import slice as breakdowns
from opsloop_metrics.capture_log import slice as capture_log
from opsloop_metrics.capture_log.service import LogSink
from opsloop_metrics.churns import routes as churns_door
from opsloop_metrics.churns import slice as churns
from opsloop_metrics.competitors import slice as competitors
from opsloop_metrics.competitors.service import PULLED
from opsloop_metrics.contacts import slice as contacts
from opsloop_metrics.dashboards import slice as dashboards
from opsloop_metrics.domain_feed import service as feeding
from opsloop_metrics.domain_feed import slice as domain_feed
from opsloop_metrics.erasures import slice as erasures
from opsloop_metrics.event_imports import slice as event_imports
from opsloop_metrics.events import slice as events
from opsloop_metrics.experiences import routes as experiences_door
from opsloop_metrics.experiences import slice as experiences
from opsloop_metrics.explanations import slice as explanations
from opsloop_metrics.forgetting import slice as forgetting
from opsloop_metrics.funnels import routes as funnels_door
from opsloop_metrics.funnels import slice as funnels
from opsloop_metrics.google import slice as google
from opsloop_metrics.kpi_periods import slice as kpi_periods
from opsloop_metrics.kpi_templates import slice as kpi_templates
from opsloop_metrics.kpis import service as asking
from opsloop_metrics.kpis import slice as kpis
from opsloop_metrics.lifecycles import routes as lifecycles_door
from opsloop_metrics.lifecycles import slice as lifecycles
from opsloop_metrics.measuring import slice as measuring
from opsloop_metrics.mixpanel import slice as mixpanel
from opsloop_metrics.monitors import service as watching
from opsloop_metrics.monitors import slice as monitors
from opsloop_metrics.next_bests import routes as next_bests_door
from opsloop_metrics.next_bests import slice as next_bests
from opsloop_metrics.objectives import service as aiming
from opsloop_metrics.objectives import slice as objectives
from opsloop_metrics.orders import slice as orders
from opsloop_metrics.overview import slice as overview
from opsloop_metrics.paths import routes as paths_door
from opsloop_metrics.paths import slice as paths
from opsloop_metrics.people import slice as people
from opsloop_metrics.personas import slice as personas
from opsloop_metrics.pictures import slice as pictures
from opsloop_metrics.plausible import slice as plausible
from opsloop_metrics.ports import Captured, Insight, MetricsPorts, Watchers
from opsloop_metrics.posthog import slice as posthog
from opsloop_metrics.recording.writer import Writer
from opsloop_metrics.rejections import slice as rejections
from opsloop_metrics.retentions import routes as retentions_door
from opsloop_metrics.retentions import slice as retentions
from opsloop_metrics.revenues import routes as revenues_door
from opsloop_metrics.revenues import slice as revenues
from opsloop_metrics.saved_insights import keeping
from opsloop_metrics.saved_insights import slice as saved_insights
from opsloop_metrics.segment import slice as segment
from opsloop_metrics.segments import slice as segments
from opsloop_metrics.sessions import routes as sessions_door
from opsloop_metrics.sessions import slice as sessions
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.silences import service as silencing
from opsloop_metrics.silences import slice as silences
from opsloop_metrics.stickiness import routes as stickiness_door
from opsloop_metrics.stickiness import slice as stickiness
from opsloop_metrics.store.opening import migrate_store, open_store
from opsloop_metrics.store.persons import StoredPersons
from opsloop_metrics.store_downloads import slice as store_downloads
from opsloop_metrics.tables import Base
from opsloop_metrics.trends import routes as trends_door
from opsloop_metrics.trends import slice as trends
from opsloop_metrics.umami import slice as umami
from opsloop_metrics.usages import routes as usages_door
from opsloop_metrics.usages import slice as usages
from opsloop_metrics.visits.service import places

INSIGHTS: dict[str, Insight] = {
    "trends": trends_door.INSIGHT,
    "active-users": active_users_door.INSIGHT,
    "funnel": funnels_door.INSIGHT,
    "retention": retentions_door.INSIGHT,
    "lifecycle": lifecycles_door.INSIGHT,
    "stickiness": stickiness_door.INSIGHT,
    "paths": paths_door.INSIGHT,
    "sessions": sessions_door.INSIGHT,
    "experience": experiences_door.INSIGHT,
    "attribution": attributions_door.INSIGHT,
    "breakdown": breakdowns_door.INSIGHT,
    "usage": usages_door.INSIGHT,
    "churn": churns_door.INSIGHT,
    "next-best": next_bests_door.INSIGHT,
    "revenue": revenues_door.INSIGHT,
}
"""What can be asked and kept, by the last step of its path; rooms of insights do not know who keeps them."""


@asynccontextmanager
async def open_ports(runtime: Runtime) -> AsyncIterator[MetricsPorts]:
    """Keep at hand what the rooms share; the event store is opened at its first use."""
    settings = settings_of(runtime, MetricsSettings)
    async with open_store(settings) as store, _open_log(runtime, settings) as log:
        writer = Writer(runtime.db, store, is_shared=log is not None)
        with places(settings.geoip_database) as find_place:
            meter = runtime.db.meters.of(LoopMeter)
            client = OutboundClient(policy_from(settings), tracer=runtime.db.tracer, bounds=PULLED)
            async with supervised({"capture": writer.run}, meter=meter), client as outbound:
                yield MetricsPorts(
                    watching=Watchers((watching, aiming)),
                    muting=silencing,
                    store=store,
                    sink=writer if log is None else LogSink(log),
                    find_place=find_place,
                    secrets=runtime.secrets,
                    person_events=StoredPersons(store),
                    captured=None if log is None else Captured(log, writer),
                    insights=dict(INSIGHTS),
                    answers=keeping.Answers(),
                    outbound=outbound,
                    keys_asking=asking.keys_asking,
                    feed=feeding,
                )


@asynccontextmanager
async def _open_log(runtime: Runtime, settings: MetricsSettings) -> AsyncIterator[Log | None]:
    """Yield the log between those who capture and those who write, where there may be several of each."""
    if settings.bus != "kafka" or settings.clickhouse_url is None:
        yield None
        return
    from opsloop_common.bus.kafka import KafkaLog

    log = KafkaLog(settings, CAPTURE, instance=settings.instance or f"{runtime.service.name}-0")
    async with log.opened():
        yield log


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
        umami.SLICE,
        plausible.SLICE,
        mixpanel.SLICE,
        amplitude.SLICE,
        google.SLICE,
        pictures.SLICE,  # before kpis and objectives, whose paths would take these too
        kpis.SLICE,
        kpi_periods.SLICE,
        kpi_templates.SLICE,
        measuring.SLICE,
        overview.SLICE,
        monitors.SLICE,
        breaches.SLICE,
        silences.SLICE,
        explanations.SLICE,
        events.SLICE,
        forgetting.SLICE,
        people.SLICE,
        erasures.SLICE,
        contacts.SLICE,
        funnels.SLICE,
        trends.SLICE,
        active_users.SLICE,
        lifecycles.SLICE,
        stickiness.SLICE,
        retentions.SLICE,
        paths.SLICE,
        sessions.SLICE,
        experiences.SLICE,
        attributions.SLICE,
        breakdowns.SLICE,
        usages.SLICE,
        churns.SLICE,
        next_bests.SLICE,
        orders.SLICE,
        store_downloads.SLICE,
        revenues.SLICE,
        capture_log.SLICE,
        saved_insights.SLICE,
        dashboards.SLICE,
        annotating.SLICE,
        rejections.SLICE,
        event_imports.SLICE,
        domain_feed.SLICE,
        segments.SLICE,
        personas.SLICE,
        objectives.SLICE,
        competitors.SLICE,
    ),
    settings=MetricsSettings,
    migrate=migrate_store,
    open=open_ports,
)
