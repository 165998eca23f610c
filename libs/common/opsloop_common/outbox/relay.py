"""Move committed events from the outbox to the bus: one active relay per database, in the order of row ids.

The relay reads, and marks as published, on the very connection whose session holds the advisory lock. So a relay that has lost
its lock cannot mark anything, and the moment its connection is lost, or gives no sign of life in time, it stops.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry

from opsloop_common import direct, failpoints, limits
from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.bus.port import Bus
from opsloop_common.db import Database
from opsloop_common.outbox.pruning import prune
from opsloop_common.supervision import LoopMeter, Pauses, supervise
from opsloop_common.wakeups import OUTBOX, wait

log = structlog.get_logger(__name__)

BATCH = 500
STANDBY_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 5.0
PAUSES = Pauses(first=0.1, longest=5.0, steady=5.0)
RELAY_LOCK = 0x6F7072656C6179

# the planner must not read a grown outbox from end to end when its statistics are behind
PLANNER = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}

_MEASURE = (
    "SELECT count(*) AS pending, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float AS oldest "
    "FROM outbox WHERE published_at IS NULL"
)

# the server ends a silent holder by itself (`idle_session_timeout`), except where its client fell silent between the parts of
# one statement: asyncpg sends a first one in two halves, and in between no time-out of the server's applies
_END_SILENT_HOLDER = (
    "SELECT pg_terminate_backend(a.pid) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() AND a.usename = session_user "
    "AND l.database = a.datid AND (l.classid::bigint << 32) | l.objid::bigint = $1 "
    "AND a.wait_event = 'ClientRead' AND a.state_change < clock_timestamp() - make_interval(secs => $2)"
)


class Relay:
    """Publishes one database's outbox through a bus. Where two run, one leads and the other stands by."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        direct_url: str | None = None,
        metrics: BackboneMetrics | None = None,
    ) -> None:
        self.database = database
        self.leading = asyncio.Event()
        """Set while this relay holds the lock and publishes."""
        self._bus = bus
        self._direct_url = direct_url
        self._metrics = metrics or BackboneMetrics(CollectorRegistry())
        self._poll_seconds = bus.poll_seconds
        self._measured_at = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Relay for the length of the block."""
        relaying = supervise(
            f"{self.database.service} relay",
            self._live,
            pauses=PAUSES,
            meter=self.database.meters.of(LoopMeter),
            on_failure=lambda _: self._metrics.rebuilt.inc(),
        )
        task = asyncio.create_task(relaying, name=f"relay-{self.database.service}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _live(self) -> None:
        """Lead on a new connection until something breaks."""
        settings = PLANNER | direct.lock_settings()
        connection = await direct.connect(self.database, self._direct_url, purpose="relay", settings=settings)
        try:
            task = asyncio.create_task(self._lead(direct.LockSession(connection)))
            connection.add_termination_listener(lambda _: task.cancel())
            try:
                await asyncio.wait([task])
            finally:
                self.leading.clear()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            if task.cancelled():
                raise ConnectionError("the relay's connection was lost")
            task.result()
        finally:
            await direct.close(connection)

    async def _lead(self, session: direct.LockSession) -> None:
        while not await session.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK):
            await session.execute(_END_SILENT_HOLDER, RELAY_LOCK, limits.LOCK_HOLDER_IDLE_SECONDS)
            await asyncio.sleep(STANDBY_SECONDS)
        waiting = self.database.wakeups.subscribe(OUTBOX)
        try:
            async with session.proven(), self._bus.publishing(self.database, session) as publisher:
                self.leading.set()
                while True:
                    count = await publisher.publish_pending(BATCH)
                    self._metrics.published.inc(count)
                    await self._keep_house(session)
                    if count < BATCH and await wait(waiting, self._poll_seconds):
                        failpoints.hit("relay.before_publish")
        finally:
            self.database.wakeups.unsubscribe(OUTBOX, waiting)

    async def _keep_house(self, session: direct.LockSession) -> None:
        if time.monotonic() - self._measured_at < HOUSEKEEPING_SECONDS:
            return
        self._measured_at = time.monotonic()
        (row,) = await session.fetch(_MEASURE)
        self._metrics.pending.set(row["pending"])
        self._metrics.oldest_pending.set(row["oldest"])
        await prune(session, self._bus.delivered(self.database.service))
