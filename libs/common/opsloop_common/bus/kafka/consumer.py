"""One consumer group member: reads its topics, applies each partition in order, commits after the database.

It rebuilds itself after every fault, and also when it has fallen silent: aiokafka consumers were seen alive but no longer
consuming after broker restarts and blocked loops, without any error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from opsloop_common.bus.kafka.clients import REQUEST_MS, close_consumer, start
from opsloop_common.bus.kafka.reading import Reading
from opsloop_common.bus.kafka.topics import bootstrap
from opsloop_common.bus.kafka.watchdog import SILENT_SECONDS, watch
from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.contracts.envelope import service_of
from opsloop_common.db import Database
from opsloop_common.inbox.apply import Applier
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.settings import Settings
from opsloop_common.supervision import LoopMeter, Pauses, supervise

START_SECONDS = 60.0
PAUSES = Pauses(first=0.2, longest=5.0)
CONCURRENCY = 4  # batches applied at once, whatever the number of partitions: the database's pool is small


class KafkaConsumer:
    """Runs one subscription until `stop`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        subscription: Subscription,
        *,
        topics: Sequence[str],
        group: str,
        instance: str,
        metrics: BackboneMetrics,
        backoff: Sequence[float],
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self.name = subscription.consumer
        self.trouble: str | None = f"{self.name}: starting"
        self._settings = settings
        self._topics = list(topics)
        self._group = group
        self._instance = instance
        self._silent_seconds = silent_seconds
        self._metrics = metrics
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._applier = Applier(database, subscription, backoff=backoff, sleep=self._sleep_without_slot)
        self._stopping = asyncio.Event()
        self._meter = database.meters.of(LoopMeter)

    def stop(self) -> None:
        """Ask `run` to finish what is being applied, to commit, and to end."""
        self._stopping.set()

    async def run(self) -> None:
        """Consume until `stop`, through every fault."""
        await supervise(
            f"consumer {self.name}",
            self._live,
            pauses=PAUSES,
            meter=self._meter,
            stop=self._stopping,
            on_failure=self._note_fault,
        )

    def _note_fault(self, error: Exception) -> None:
        self.trouble = f"{self.name}: {type(error).__name__}: {error}"
        self._metrics.recreated.labels(self.name).inc()

    async def _live(self) -> None:
        self._slots = asyncio.Semaphore(CONCURRENCY)
        consumer = self._new_consumer()
        reading = Reading(consumer, self._applier, slots=self._slots, metrics=self._metrics)
        consumer.subscribe(self._topics, listener=reading)
        try:
            await self._until_one_ends([start(consumer, START_SECONDS), self._stopping.wait()])
            if self._stopping.is_set():
                return
            self.trouble = None
            await self._until_one_ends(
                [reading.poll(), reading.commit_always(), self._watch(consumer, reading), self._stopping.wait()]
            )
        finally:
            try:
                await reading.close()
            finally:
                await close_consumer(consumer)

    async def _until_one_ends(self, works: Sequence[Coroutine[Any, Any, Any]]) -> None:
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            task.result()

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=bootstrap(self._settings),
            client_id=f"{self._instance}-{self.name}",
            group_id=self._group,
            group_instance_id=self._instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=self._settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=min(3_000, self._settings.kafka_session_timeout_ms // 3),
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=300_000,
            request_timeout_ms=REQUEST_MS,
            metadata_max_age_ms=30_000,
        )

    async def _watch(self, consumer: AIOKafkaConsumer, reading: Reading) -> None:
        await watch(consumer, reading, self._report, silent_seconds=self._silent_seconds)

    def _report(self, trouble: str | None, lags: dict[TopicPartition, int]) -> None:
        self.trouble = None if trouble is None else f"{self.name}: {trouble}"
        totals: dict[str, int] = {}
        for partition, lag in lags.items():
            source = service_of(partition.topic)
            totals[source] = totals.get(source, 0) + lag
        for source, lag in totals.items():
            self._metrics.lag.labels(self.name, source).set(lag)

    async def _sleep_without_slot(self, seconds: float) -> None:
        """Sleep between tries and let another partition work meanwhile."""
        self._slots.release()
        try:
            await asyncio.sleep(seconds)
        finally:
            await self._slots.acquire()
