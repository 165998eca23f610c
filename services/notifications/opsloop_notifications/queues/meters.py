"""What the service shows of what waits to leave the house."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

QUEUES = ("webhooks", "mails", "calls")


class QueueMeter:
    """Deliveries that wait: `due` now or on their way, and `later`, for their next try."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge(
            "opsloop_deliveries_waiting", "Deliveries that are to be tried", ["queue", "when"], registry=registry
        )
        self.oldest = Gauge(
            "opsloop_deliveries_oldest_waiting_seconds",
            "How long the delivery that has been due for longest has been waiting",
            ["queue"],
            registry=registry,
        )
        for queue in QUEUES:
            self.show(queue, due=0, later=0, oldest_seconds=0.0)

    def show(self, queue: str, *, due: int, later: int, oldest_seconds: float) -> None:
        """Show the state of one queue."""
        self.waiting.labels(queue, "due").set(due)
        self.waiting.labels(queue, "later").set(later)
        self.oldest.labels(queue).set(max(0.0, oldest_seconds))
