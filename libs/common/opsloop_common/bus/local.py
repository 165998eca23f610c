"""The bus within one process. Its log is the outbox table; a delivery cursor per consumer says how far it was read.

The relay gives each event a `position` when it publishes, and only then hands it on in memory; so a consumer that keeps up
reads nothing back, and one that starts, or fell behind, reads the outbox by position. Cursors are low-water marks in the
consumers' databases, saved about once a second: what is delivered again after a crash, the inbox removes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from operator import itemgetter

import orjson
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

from opsloop_common import failpoints
from opsloop_common.bus.local_consumer import LocalConsumer, save_cursors
from opsloop_common.bus.local_log import LocalLog
from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.bus.port import DRAIN_SECONDS, UNKNOWN
from opsloop_common.bus.topics import sources_of
from opsloop_common.db import Database
from opsloop_common.direct import LockSession
from opsloop_common.faults import reason
from opsloop_common.inbox.apply import BACKOFF
from opsloop_common.inbox.subscription import Subscriber
from opsloop_common.supervision import LoopMeter, Pauses, supervise
from opsloop_common.telemetry.events import told_as_sent

SAVE_SECONDS = 1.0
PAUSES = Pauses(first=SAVE_SECONDS, longest=SAVE_SECONDS)

log = structlog.get_logger(__name__)

_PUBLISH = (
    "WITH pending AS MATERIALIZED (SELECT id, $1 + row_number() OVER (ORDER BY id) AS position "
    "FROM (SELECT id FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT $2) AS first) "
    "UPDATE outbox SET position = pending.position, published_at = clock_timestamp() FROM pending "
    "WHERE outbox.id = pending.id RETURNING outbox.position, outbox.payload"
)
_LAST_POSITION = "SELECT greatest((SELECT max(position) FROM outbox), (SELECT last_position FROM outbox_log), 0)"


class LocalBus:
    """Carries the events of all services of one process; each of `databases` needs a relay in this process."""

    poll_seconds = 1.0  # all writers but the command line are in this process and wake the relay

    def __init__(self, databases: Mapping[str, Database], *, backoff: Sequence[float] = BACKOFF) -> None:
        self._databases = dict(databases)
        self._logs = {name: LocalLog(database) for name, database in databases.items()}
        self._consumers: dict[str, list[LocalConsumer]] = {}
        self._relays: set[str] = set()
        self._backoff = backoff
        self._on_one_server = len({_server(database) for database in databases.values()}) == 1

    @asynccontextmanager
    async def publishing(self, database: Database, session: LockSession) -> AsyncIterator[LocalPublisher]:
        """Continue the log after the last position that was ever given."""
        log = self._logs[database.service]
        last: int = await session.fetchval(_LAST_POSITION)
        log.reach(last)
        if self._on_one_server:
            # nothing waits for the disk here: whoever builds on a position commits later, to the same write-ahead log
            await session.execute("SET synchronous_commit = off")
        self._relays.add(database.service)
        try:
            yield LocalPublisher(database, session, log, last)
        finally:
            self._relays.discard(database.service)

    @asynccontextmanager
    async def consuming(
        self, service: Subscriber, database: Database, *, metrics: BackboneMetrics | None = None
    ) -> AsyncIterator[None]:
        """Run the subscriptions of one service; call it also for a service that has none, so that the log's floor is known."""
        metrics = metrics or BackboneMetrics(CollectorRegistry())
        consumers = [
            LocalConsumer(
                database,
                subscription,
                {name: self._logs[name] for name in sources_of(subscription.types, producers=self._logs)},
                metrics=metrics,
                backoff=self._backoff,
            )
            for subscription in service.subscriptions
        ]
        self._consumers[service.name] = consumers
        tasks = [asyncio.create_task(consumer.run(), name=consumer.name) for consumer in consumers]
        saving = supervise(
            f"{service.name} cursors",
            partial(self._save, database, consumers),
            pauses=PAUSES,
            meter=database.meters.of(LoopMeter),
        )
        tasks.append(asyncio.create_task(saving, name=f"cursors-{service.name}"))
        try:
            yield
        finally:
            await asyncio.gather(*[consumer.drain(DRAIN_SECONDS) for consumer in consumers])
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._consumers.pop(service.name, None)
            try:
                await save_cursors(database, consumers)
            except (SQLAlchemyError, OSError) as error:  # what they had is delivered again, and the inbox removes it
                log.warning("cursors not saved", service=database.service, error=reason(error))

    def delivered(self, service: str) -> int:
        """Return the position in `service`'s outbox that all consumers have behind them, -1 until all services consume."""
        if set(self._consumers) != set(self._databases):
            return UNKNOWN
        marks = [
            consumer.low_water(service)
            for consumers in self._consumers.values()
            for consumer in consumers
            if consumer.reads(service)
        ]
        return min(marks, default=self._logs[service].head)

    def problem(self) -> str | None:
        """Return which relays are not publishing in this process."""
        missing = sorted(set(self._databases) - self._relays)
        return f"no relay for {', '.join(missing)}" if missing else None

    async def _save(self, database: Database, consumers: Sequence[LocalConsumer]) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await save_cursors(database, consumers)


def _server(database: Database) -> tuple[object, ...]:
    url = database.engine.url
    return url.host, url.port, url.query.get("host")


class LocalPublisher:
    """Gives positions and hands events on in memory."""

    def __init__(self, database: Database, session: LockSession, log: LocalLog, last: int) -> None:
        self._database = database
        self._session = session
        self._log = log
        self._last = last

    async def publish_pending(self, limit: int) -> int:
        """Publish the next pending rows: what has a position is in the log."""
        began_ns = time.time_ns()
        rows = await self._session.fetch(_PUBLISH, self._last, limit)
        if not rows:
            return 0
        failpoints.hit("relay.after_publish")
        rows.sort(key=itemgetter("position"))
        self._last = rows[-1]["position"]
        payloads = [row["payload"] for row in rows]
        self._log.extend(rows[0]["position"], payloads)
        if (tracer := self._database.tracer) is not None:
            told_as_sent(tracer, self._database.service, map(orjson.loads, payloads), began_ns=began_ns)
        return len(rows)
