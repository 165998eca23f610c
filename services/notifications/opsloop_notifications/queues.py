"""How much waits to leave the house, for `/metrics` and `opsloop status`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import text

from opsloop_common.entry import enter_worker
from opsloop_common.service import Runtime
from opsloop_notifications.deliveries.service import QUEUE_TABLE as WEBHOOKS
from opsloop_notifications.messages.service import QUEUE_TABLE as MAILS

TABLES = {"webhooks": WEBHOOKS, "mails": MAILS}


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
        for queue in TABLES:
            self.show(queue, due=0, later=0, oldest_seconds=0.0)

    def show(self, queue: str, *, due: int, later: int, oldest_seconds: float) -> None:
        """Show the state of one queue."""
        self.waiting.labels(queue, "due").set(due)
        self.waiting.labels(queue, "later").set(later)
        self.oldest.labels(queue).set(max(0.0, oldest_seconds))


async def show_queues(runtime: Runtime) -> None:
    """Count what waits, over all workspaces."""
    meter, now = runtime.db.meters.of(QueueMeter), runtime.clock.now()
    async with runtime.db.work() as session:
        await enter_worker(session)
        for queue, table in TABLES.items():
            counted = text(
                "SELECT count(*) FILTER (WHERE due_at <= :now) AS due, count(*) FILTER (WHERE due_at > :now) AS later, "  # noqa: S608 a table's name
                "coalesce(extract(epoch FROM CAST(:now AS timestamptz) - min(due_at)), 0) AS oldest "
                f'FROM "{table}"'
            )
            row = (await session.execute(counted, {"now": now})).one()
            meter.show(queue, due=row.due, later=row.later, oldest_seconds=float(row.oldest))
