"""What the backbone counts, in the registry of the service."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import func, select

from opsloop_common.db import Database
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.inbox.tables import parked_event


class BackboneMetrics:
    """Metrics of one service's relay and consumers; make one per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pending = Gauge("opsloop_outbox_pending", "Events committed and not published yet", registry=registry)
        self.oldest_pending = Gauge(
            "opsloop_outbox_oldest_pending_seconds", "Age of the oldest event not published yet", registry=registry
        )
        self.published = Counter("opsloop_relay_published", "Events published by this relay", registry=registry)
        self.rebuilt = Counter(
            "opsloop_relay_rebuilt", "Times the relay had to start anew after a fault", registry=registry
        )
        self.outcomes = Counter(
            "opsloop_consumer_events", "Events a consumer is done with", ["consumer", "outcome"], registry=registry
        )
        self.lag = Gauge(
            "opsloop_consumer_lag", "Events published and not applied yet", ["consumer", "source"], registry=registry
        )
        self.parked = Gauge("opsloop_parked_events", "Events parked", ["consumer", "status"], registry=registry)
        self.recreated = Counter(
            "opsloop_consumer_recreated", "Times a silent consumer was recreated", ["consumer"], registry=registry
        )


async def count_parked(database: Database, subscriptions: Sequence[Subscription], metrics: BackboneMetrics) -> None:
    """Set the gauges of parked events."""
    query = select(parked_event.c.consumer, parked_event.c.status, func.count()).group_by(
        parked_event.c.consumer, parked_event.c.status
    )
    async with database.work() as session:
        counts = {(row[0], row[1]): row[2] for row in await session.execute(query)}
    for subscription in subscriptions:
        for status in ("failed", "held"):
            metrics.parked.labels(subscription.consumer, status).set(counts.get((subscription.consumer, status), 0))
