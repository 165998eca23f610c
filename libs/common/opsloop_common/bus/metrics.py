"""What the backbone counts, in the registry of the service."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


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
