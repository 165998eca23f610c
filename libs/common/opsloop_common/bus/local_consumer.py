"""One consumer of the local bus: reads the logs it needs, applies in order per stream, remembers how far it is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from zlib import crc32

import structlog
from sqlalchemy import select, text

from opsloop_common.bus.local_log import Entry, LocalLog
from opsloop_common.bus.local_turns import Turns
from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.db import Database
from opsloop_common.inbox.apply import Applier
from opsloop_common.inbox.delivery import Delivery
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.inbox.tables import delivery_cursor
from opsloop_common.supervision import LoopMeter, Pauses, patiently, supervise
from opsloop_common.wakeups import wait

log = structlog.get_logger(__name__)

STRANDS = 2  # a stream always takes the same one; two so that a stream that is tried again does not hold up everything
BACKLOG = 2_000  # events read and not applied yet; the rest stays in the log
POLL_SECONDS = 5.0
PAUSES = Pauses(first=1.0, longest=1.0)

_SAVE = text(
    "INSERT INTO delivery_cursor (consumer, source, position) "
    "SELECT * FROM unnest(CAST(:consumers AS text[]), CAST(:sources AS text[]), CAST(:positions AS bigint[])) "
    "ON CONFLICT (consumer, source) DO UPDATE SET position = excluded.position"
)


@dataclass
class _Mark:
    position: int
    done: bool = False


@dataclass
class _Cursor:
    """How far one log was read, and up to where everything read is done with."""

    read: int = 0
    low_water: int = 0
    saved: int = 0
    open: deque[_Mark] = field(default_factory=deque)

    def take(self, position: int) -> _Mark:
        mark = _Mark(position)
        self.read = position
        self.open.append(mark)
        return mark

    def advance(self) -> None:
        while self.open and self.open[0].done:
            self.low_water = self.open.popleft().position


_Work = tuple[_Mark, Delivery]


class LocalConsumer:
    """Runs one subscription. Apart from `run` and `drain` everything here is only looked at."""

    def __init__(
        self,
        database: Database,
        subscription: Subscription,
        logs: Mapping[str, LocalLog],
        *,
        metrics: BackboneMetrics,
        backoff: Sequence[float],
    ) -> None:
        self.name = subscription.consumer
        self._database = database
        self._subscription = subscription
        self._applier = Applier(database, subscription, backoff=backoff)
        self._logs = logs
        self._metrics = metrics
        self._lags = {source: metrics.lag.labels(self.name, source) for source in logs}
        self._cursors = {source: _Cursor() for source in logs}
        self._strands: list[Turns[_Work]] = [Turns() for _ in range(STRANDS)]
        self._strand_wakes = [asyncio.Event() for _ in range(STRANDS)]
        self._wake = asyncio.Event()
        self._busy = 0
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()

    def reads(self, source: str) -> bool:
        """Say whether this consumer listens to `source`."""
        return source in self._logs

    def low_water(self, source: str) -> int:
        """Return the position in `source`'s log that is behind this consumer."""
        return self._cursors[source].low_water

    def unsaved(self) -> Iterable[tuple[str, int]]:
        """Return sources and positions of the cursors that moved since `saved`."""
        return [(s, c.low_water) for s, c in self._cursors.items() if c.low_water != c.saved]

    def saved(self, source: str, position: int) -> None:
        """Note that a cursor is in the database."""
        self._cursors[source].saved = position

    async def run(self) -> None:
        """Consume until cancelled."""
        await patiently(f"consumer {self.name}", self._begin, pauses=PAUSES, passing=lambda _: True)
        meter = self._database.meters.of(LoopMeter)
        loops = {f"consumer {self.name}": self._read_on}
        loops |= {f"consumer {self.name} {number}": partial(self._run_strand, number) for number in range(STRANDS)}
        tasks = [
            asyncio.create_task(supervise(name, loop, pauses=PAUSES, meter=meter, stop=self._stopping), name=name)
            for name, loop in loops.items()
        ]
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for source_log in self._logs.values():
                source_log.unsubscribe(self._wake)

    async def _read_on(self) -> None:
        while not self._stopping.is_set():
            moved = await self._read()
            if not moved and await wait(self._wake, POLL_SECONDS) and self._subscription.gather_seconds:
                # not even reading: others are on the way to somebody
                await asyncio.sleep(self._subscription.gather_seconds)

    async def drain(self, seconds: float) -> None:
        """Stop reading and wait, at most `seconds`, for what is being applied at this moment."""
        self._stopping.set()
        self._wake.set()
        for wake in self._strand_wakes:
            wake.set()
        try:
            async with asyncio.timeout(seconds):
                while self._busy:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            log.warning("handlers did not finish in time", consumer=self.name, seconds=seconds)

    async def _begin(self) -> None:
        query = select(delivery_cursor.c.source, delivery_cursor.c.position).where(
            delivery_cursor.c.consumer == self.name
        )
        async with self._database.transaction() as session:
            stored = {row.source: row.position for row in await session.execute(query)}
        for source_log in self._logs.values():
            await source_log.find_head()
        for source, source_log in self._logs.items():
            position = stored.get(source, 0)
            self._cursors[source] = _Cursor(read=position, low_water=position, saved=position)
            source_log.subscribe(self._wake, position)

    async def _read(self) -> bool:
        moved = False
        for source, source_log in self._logs.items():
            cursor = self._cursors[source]
            self._lags[source].set(max(0, source_log.head - cursor.low_water))
            if len(cursor.open) >= BACKLOG:
                continue
            entries = await source_log.after(cursor.read, self._wake)
            self._dispatch(cursor, entries)
            moved = moved or bool(entries)
        return moved

    def _dispatch(self, cursor: _Cursor, entries: Sequence[Entry]) -> None:
        for position, delivery in entries:
            mark = cursor.take(position)
            event = delivery.event
            if event is not None and not self._subscription.wants(event.type):
                mark.done = True
                continue
            strand = crc32(event.partitionkey.encode()) % STRANDS if event is not None else 0
            self._strands[strand].append(event.workspace if event is not None else "", (mark, delivery))
            self._strand_wakes[strand].set()
        cursor.advance()

    async def _run_strand(self, number: int) -> None:
        strand, wake = self._strands[number], self._strand_wakes[number]
        while not self._stopping.is_set():
            if not strand:
                wake.clear()
                await wake.wait()
                continue
            work = strand.next_turn()
            self._busy += 1
            try:
                outcomes = await self._applier.apply_batch([delivery for _, delivery in work])
            finally:
                self._busy -= 1
                self._idle.set()
            strand.done(len(work))
            for (mark, _), outcome in zip(work, outcomes, strict=True):
                mark.done = True
                self._metrics.outcomes.labels(self.name, outcome.value).inc()
            full = any(len(cursor.open) >= BACKLOG for cursor in self._cursors.values())
            for cursor in self._cursors.values():
                cursor.advance()
            if full:
                self._wake.set()


async def save_cursors(database: Database, consumers: Sequence[LocalConsumer]) -> None:
    """Store how far the consumers are."""
    moved = [(consumer, source, position) for consumer in consumers for source, position in consumer.unsaved()]
    if not moved:
        return
    parameters = {
        "consumers": [consumer.name for consumer, _, _ in moved],
        "sources": [source for _, source, _ in moved],
        "positions": [position for _, _, position in moved],
    }
    async with database.autocommit() as connection:
        await connection.execute(_SAVE, parameters)
    for consumer, source, position in moved:
        consumer.saved(source, position)
