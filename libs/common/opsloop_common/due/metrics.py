"""What the due runner counts, in the registry of the service."""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Collection
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import text

from opsloop_common.db import Database

_COUNTS = text(
    "SELECT kind, count(*) FILTER (WHERE status = 'failed') AS failed, "
    "count(*) FILTER (WHERE status = 'waiting' AND due_at <= :now) AS overdue, "
    "coalesce(extract(epoch FROM CAST(:now AS timestamptz) - min(due_at) FILTER (WHERE status = 'waiting')), 0) AS age, "
    "count(*) FILTER (WHERE status = 'waiting' AND first_failed_at IS NOT NULL) AS failing, coalesce(extract(epoch FROM "
    "CAST(:now AS timestamptz) - min(first_failed_at) FILTER (WHERE status = 'waiting')), 0) AS failing_age "
    "FROM due WHERE status = 'failed' OR due_at <= :now OR first_failed_at IS NOT NULL GROUP BY kind"
)


class HeldMeter:
    """How many rows of each kind of queued work this process holds: at work, or claimed and waiting for a place."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._held = Gauge(
            "opsloop_queue_held",
            "Rows claimed by this process, at work or waiting for a place",
            ["kind"],
            registry=registry,
        )

    def watch(self, kinds: Collection[str], held: Counted[str]) -> None:
        """Show what is `held` of these kinds, as it is when somebody looks."""
        for kind in kinds:
            self._held.labels(kind).set_function(partial(held.__getitem__, kind))


class RecordMeter:
    """How recording goes, by queue: whether it stands still, and how many rows were set aside since nothing of them could be
    recorded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._aside = Counter(
            "opsloop_queue_set_aside",
            "Rows of which nothing could be recorded, taken out of their queue",
            ["table"],
            registry=registry,
        )
        self._stuck = Gauge(
            "opsloop_queue_stuck", "1 while no result of a queue can be recorded", ["table"], registry=registry
        )

    def know(self, table: str) -> None:
        """Show a queue from its first moment on."""
        self._aside.labels(table)
        self._stuck.labels(table).set(0)

    def show_stuck(self, table: str, is_stuck: bool) -> None:
        """Show whether recording stands still."""
        self._stuck.labels(table).set(is_stuck)

    def count_aside(self, table: str) -> None:
        """Count a row that was set aside."""
        self._aside.labels(table).inc()


class DueMetrics:
    """Metrics of one service's due work; make one per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.handled = Counter("opsloop_due_handled", "Tries of due rows", ["kind", "outcome"], registry=registry)
        self.overdue = Gauge("opsloop_due_pending", "Rows due and not done yet", ["kind"], registry=registry)
        self.oldest = Gauge("opsloop_due_oldest_seconds", "Lateness of the oldest due row", ["kind"], registry=registry)
        self.failed = Gauge("opsloop_due_failed", "Rows given up after all tries", ["kind"], registry=registry)
        self.failing = Gauge("opsloop_due_failing", "Rows that fail and are tried again", ["kind"], registry=registry)
        self.failing_for = Gauge(
            "opsloop_due_failing_seconds",
            "How long the row that fails for longest has failed",
            ["kind"],
            registry=registry,
        )
        self._seen: set[str] = set()

    async def refresh(self, database: Database) -> None:
        """Count the rows anew; kinds without any go back to zero."""
        async with database.work() as session:
            rows = (await session.execute(_COUNTS, {"now": database.clock.now()})).all()
        self._seen |= {row.kind for row in rows}
        for kind in self._seen:
            for gauge in (self.overdue, self.oldest, self.failed, self.failing, self.failing_for):
                gauge.labels(kind).set(0)
        for row in rows:
            self.overdue.labels(row.kind).set(row.overdue)
            self.oldest.labels(row.kind).set(max(0.0, float(row.age)))
            self.failed.labels(row.kind).set(row.failed)
            self.failing.labels(row.kind).set(row.failing)
            self.failing_for.labels(row.kind).set(max(0.0, float(row.failing_age)))
