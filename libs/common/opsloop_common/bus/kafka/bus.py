"""The Kafka adapter: one topic per producing service, one consumer group per subscription."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from opsloop_common.bus.kafka.clients import REQUEST_MS, close_producer, start
from opsloop_common.bus.kafka.consumer import KafkaConsumer
from opsloop_common.bus.kafka.publisher import KafkaPublisher, take_over_from_local
from opsloop_common.bus.kafka.topics import bootstrap
from opsloop_common.bus.kafka.watchdog import SILENT_SECONDS
from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.bus.port import DRAIN_SECONDS
from opsloop_common.bus.topics import PRODUCERS, topics_from, topics_of
from opsloop_common.db import Database
from opsloop_common.direct import LockSession
from opsloop_common.inbox.apply import BACKOFF
from opsloop_common.inbox.subscription import Subscriber
from opsloop_common.settings import Settings

START_SECONDS = 30.0


class KafkaBus:
    """Connects one service to Kafka. `OPSLOOP_INSTANCE` names this replica: two replicas must not have one name."""

    poll_seconds = 0.25

    def __init__(
        self,
        settings: Settings,
        service: Subscriber,
        *,
        producers: Sequence[str] = PRODUCERS,
        backoff: Sequence[float] = BACKOFF,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._settings = settings
        self._instance = settings.instance or f"{service.name}-0"
        self._producers = tuple(producers)
        self._prefix = settings.kafka_prefix
        self._backoff = backoff
        self._silent_seconds = silent_seconds
        self._publishing_trouble: str | None = None
        self._consumers: list[KafkaConsumer] = []

    @asynccontextmanager
    async def publishing(self, database: Database, session: LockSession) -> AsyncIterator[KafkaPublisher]:
        """Start a producer, and know its topics' partitions before the first send."""
        await take_over_from_local(session)
        topics = topics_from([database.service], prefix=self._prefix)
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap(self._settings),
            client_id=f"{self._instance}-relay",
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            linger_ms=0,
            max_batch_size=128 * 1024,
            max_request_size=1024 * 1024,
            request_timeout_ms=REQUEST_MS,
        )
        try:
            await start(producer, START_SECONDS)
            async with asyncio.timeout(START_SECONDS):
                # without this the first sends overtake one another while they wait for metadata (measured)
                partitions = {topic: len(await producer.partitions_for(topic)) for topic in topics}
            self._publishing_trouble = None
            yield KafkaPublisher(database, session, producer, partitions, prefix=self._prefix, report=self._report)
        except (KafkaError, OSError) as error:
            self._publishing_trouble = f"publishing: {type(error).__name__}: {error}"
            raise
        finally:
            await close_producer(producer)

    @asynccontextmanager
    async def consuming(
        self, service: Subscriber, database: Database, *, metrics: BackboneMetrics | None = None
    ) -> AsyncIterator[None]:
        """Run the subscriptions of the service, each as a group of its own."""
        metrics = metrics or BackboneMetrics(CollectorRegistry())
        consumers = [
            KafkaConsumer(
                self._settings,
                database,
                subscription,
                topics=topics_of(subscription.types, producers=self._producers, prefix=self._prefix),
                group=f"{self._prefix}.{subscription.consumer}",
                instance=self._instance,
                metrics=metrics,
                backoff=self._backoff,
                silent_seconds=self._silent_seconds,
            )
            for subscription in service.subscriptions
        ]
        self._consumers += consumers
        tasks = [asyncio.create_task(consumer.run(), name=consumer.name) for consumer in consumers]
        try:
            yield
        finally:
            for consumer in consumers:
                consumer.stop()
            if tasks:
                await asyncio.wait(tasks, timeout=DRAIN_SECONDS + 10)
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
            self._consumers = [c for c in self._consumers if c not in consumers]

    def delivered(self, service: str) -> None:
        """Return None: Kafka keeps its own log."""
        return

    def problem(self) -> str | None:
        """Return what does not work just now: the producer, or the first consumer that has trouble."""
        found = [self._publishing_trouble, *[consumer.trouble for consumer in self._consumers]]
        return next((trouble for trouble in found if trouble is not None), None)

    def _report(self, trouble: str | None) -> None:
        self._publishing_trouble = trouble
