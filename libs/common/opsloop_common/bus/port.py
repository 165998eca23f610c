"""The bus port: what the relay and the runner know of a bus, whichever it is.

A worker process runs, per service, a relay and the service's consumers:

    metrics = BackboneMetrics(runtime.registry)
    async with Relay(runtime.db, bus, metrics=metrics).running():
        async with bus.consuming(service, runtime.db, metrics=metrics):
            ...  # until the process is told to stop

Both blocks supervise themselves: faults are logged, what broke is built anew, nothing is raised into the block. Leaving
`consuming` stops reading, lets running handlers finish (at most 20 s) and saves how far they came.

`LocalBus(databases)` is one object for all services of a process; it reads the outboxes of all `databases`, so all of them
need a relay in the same process. `KafkaBus(settings, service)` is one object per service.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.db import Database
from opsloop_common.direct import LockSession
from opsloop_common.inbox.subscription import Subscriber

DRAIN_SECONDS = 20.0
BATCH_LIMIT = 200
"""Most events that a consumer gets in one transaction."""
UNKNOWN = -1


class Publisher(Protocol):
    """Publishes one database's outbox, on the session that holds the relay's lock."""

    async def publish_pending(self, limit: int) -> int:
        """Publish and mark up to `limit` pending rows in the order of their ids; returns how many there were.

        Raises when a row could not be published or marked; whatever was not marked is published again.
        """
        ...


class Bus(Protocol):
    """Carries events from outboxes to consumers: at least once, in order per stream."""

    poll_seconds: float
    """How often the relay looks for rows that nobody woke it for."""

    def publishing(self, database: Database, session: LockSession) -> AbstractAsyncContextManager[Publisher]:
        """Open what it takes to publish; built anew by the relay after every fault."""
        ...

    def consuming(
        self, service: Subscriber, database: Database, *, metrics: BackboneMetrics | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Run all subscriptions of `service` on `database` for the length of the block."""
        ...

    def delivered(self, service: str) -> int | None:
        """Return the position in `service`'s outbox that every local consumer has behind it.

        None on a bus with a log of its own; UNKNOWN until all services of the process consume.
        """
        ...

    def problem(self) -> str | None:
        """Return why the bus does not work just now, for readiness; None when it does."""
        ...
