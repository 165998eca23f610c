"""What one consumer object reads: a strand per partition, applied in order, committed when the database has it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from functools import partial

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.bus.port import BATCH_LIMIT, DRAIN_SECONDS
from opsloop_common.contracts.envelope import service_of
from opsloop_common.inbox.apply import Applier
from opsloop_common.inbox.delivery import Delivery, read
from opsloop_common.supervision import Pauses, supervise

log = structlog.get_logger(__name__)

POLL_MS = 1_000
FETCH_LIMIT = 1_000
PAUSE_AT, RESUME_AT = 500, 200  # records waiting in a strand
COMMIT_SECONDS = 5.0
COMMIT_LIMIT_SECONDS = 20.0
RETRY_SECONDS = 1.0
PAUSES = Pauses(first=RETRY_SECONDS, longest=RETRY_SECONDS)


class Strand:
    """The records of one partition that wait to be applied."""

    def __init__(self, partition: TopicPartition) -> None:
        self.partition = partition
        self.records: deque[ConsumerRecord] = deque()
        self.wake = asyncio.Event()
        self.stopping = asyncio.Event()
        self.paused = False
        self.task: asyncio.Task[None] | None = None

    async def stop(self, seconds: float) -> None:
        """Let the batch at hand finish, at most `seconds`, and drop the rest: it was not committed."""
        self.stopping.set()
        self.wake.set()
        if self.task is not None:
            await asyncio.wait([self.task], timeout=seconds)
            self.task.cancel()
            await asyncio.wait([self.task])


class Reading(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka is not typed
    """Reads through one consumer object until its partitions are taken or it is closed."""

    def __init__(
        self, consumer: AIOKafkaConsumer, applier: Applier, *, slots: asyncio.Semaphore, metrics: BackboneMetrics
    ) -> None:
        self.done: dict[TopicPartition, int] = {}
        """Next offset to apply, per partition."""
        self._consumer = consumer
        self._applier = applier
        self._name = applier.subscription.consumer
        self._slots = slots
        self._metrics = metrics
        self._strands: dict[TopicPartition, Strand] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._commit_wanted = asyncio.Event()
        self._assignments = 0

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Finish and commit what is being applied before others get the partitions."""
        self._assignments += 1
        strands = [strand for partition in revoked if (strand := self._strands.pop(partition, None))]
        if strands:
            await asyncio.wait([asyncio.create_task(strand.stop(DRAIN_SECONDS)) for strand in strands])
        await self._commit_soon()
        for partition in revoked:
            self.done.pop(partition, None)
            self._committed.pop(partition, None)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Take note; strands are made when their first records come."""
        self._assignments += 1
        log.info("partitions assigned", consumer=self._name, count=len(assigned))

    async def poll(self) -> None:
        """Fetch until cancelled."""
        while True:
            assignment = self._assignments
            fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=FETCH_LIMIT)
            if assignment != self._assignments:
                # read across a rebalance: whether before or after it nobody can say, so read them again
                await self._go_back(fetched)
                continue
            for partition, records in fetched.items():
                self._dispatch(partition, records)

    async def commit_always(self) -> None:
        """Commit what was applied, as often as the broker answers, until cancelled."""
        while True:
            await self._commit_wanted.wait()
            self._commit_wanted.clear()
            if not await self._commit():
                await asyncio.sleep(RETRY_SECONDS)
                self._commit_wanted.set()

    async def close(self) -> None:
        """Finish what is being applied, at most 20 s, and commit it."""
        strands, self._strands = list(self._strands.values()), {}
        if strands:
            await asyncio.wait([asyncio.create_task(strand.stop(DRAIN_SECONDS)) for strand in strands])
        await self._commit_soon()

    def is_paused(self, partition: TopicPartition) -> bool:
        """Say whether a partition is not fetched because its strand is full."""
        strand = self._strands.get(partition)
        return strand is not None and (strand.paused or bool(strand.records))

    def _dispatch(self, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        strand = self._strands.get(partition)
        if strand is None:
            strand = self._strands[partition] = Strand(partition)
            name = f"{self._name}-{partition.topic}-{partition.partition}"
            running = supervise(name, partial(self._run_strand, strand), pauses=PAUSES, stop=strand.stopping)
            strand.task = asyncio.create_task(running, name=name)
        strand.records.extend(records)
        strand.wake.set()
        if len(strand.records) > PAUSE_AT and not strand.paused:
            self._consumer.pause(partition)
            strand.paused = True

    async def _run_strand(self, strand: Strand) -> None:
        while not strand.stopping.is_set():
            if not strand.records:
                strand.wake.clear()
                await strand.wake.wait()
                continue
            records = [strand.records[i] for i in range(min(len(strand.records), BATCH_LIMIT))]
            await self._apply(records)
            for _ in records:
                strand.records.popleft()
            self.done[strand.partition] = records[-1].offset + 1
            self._commit_wanted.set()
            if strand.paused and len(strand.records) < RESUME_AT and strand.partition in self._consumer.assignment():
                self._consumer.resume(strand.partition)
                strand.paused = False

    async def _apply(self, records: list[ConsumerRecord]) -> None:
        deliveries = [delivery for record in records if (delivery := self._delivery(record))]
        if not deliveries:
            return
        async with self._slots:
            outcomes = await self._applier.apply_batch(deliveries)
        for outcome in outcomes:
            self._metrics.outcomes.labels(self._name, outcome.value).inc()

    def _delivery(self, record: ConsumerRecord) -> Delivery | None:
        """Return the record as a delivery, or None when its header says that nobody here wants it."""
        headers = dict(record.headers)
        kind = headers.get("ce_type")
        if kind is not None and not self._applier.subscription.wants(kind.decode(errors="replace")):
            return None
        origin = f"{record.topic}[{record.partition}]@{record.offset}"
        return read(record.value or b"", source=service_of(record.topic), origin=origin)

    async def _commit_soon(self) -> None:
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._commit()
        except TimeoutError:
            log.warning("offsets not committed in time", consumer=self._name)

    async def _commit(self) -> bool:
        """Commit offsets that moved; says whether that worked. When not, events come again and the inbox knows them."""
        held = self._consumer.assignment()
        offsets = {p: o for p, o in self.done.items() if p in held and self._committed.get(p) != o}
        if not offsets:
            return True
        try:
            async with asyncio.timeout(COMMIT_LIMIT_SECONDS):  # aiokafka tries for as long as there is no coordinator
                await self._consumer.commit(offsets)
        except (
            KafkaError,
            TimeoutError,
        ) as error:  # IllegalStateError and CommitFailedError among them: the partitions are another's now
            log.warning("offsets not committed", consumer=self._name, error=f"{type(error).__name__}: {error}")
            return False
        self._committed |= offsets
        return True

    async def _go_back(self, fetched: dict[TopicPartition, list[ConsumerRecord]]) -> None:
        for partition, records in fetched.items():
            if partition in self._consumer.assignment():
                async with asyncio.timeout(COMMIT_LIMIT_SECONDS):
                    committed = await self._consumer.committed(partition)
                self._consumer.seek(partition, committed if committed is not None else records[0].offset)
