"""A log of raw records on one Kafka topic; every reader is a member of one group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from opsloop_common import failpoints
from opsloop_common.bus.kafka.clients import REQUEST_MS, close_consumer, close_producer, start
from opsloop_common.bus.kafka.publisher import partition_of
from opsloop_common.bus.kafka.topics import LOG_MESSAGE_BYTES, bootstrap
from opsloop_common.bus.log import BATCH_BYTES, BATCH_RECORDS, RECORD_BYTES, Handle, Record, Unreadable
from opsloop_common.errors import TooLarge, Unavailable
from opsloop_common.faults import is_transient
from opsloop_common.settings import Settings
from opsloop_common.supervision import patiently

APPEND_SECONDS = 10.0
"""How long whoever appends waits for all acknowledgements, the first time with the connections."""
START_SECONDS = 60.0
COMMIT_SECONDS = 20.0
POLL_MS = 1_000
POLL_RECORDS = 8
"""Records taken at once from what was fetched: compressed a thousand of the largest take no room, read they would fill the memory."""
HANDLE_SECONDS = 120.0
"""How long one batch is tried; then the reader is built anew and begins where it had saved. Less than `max_poll_interval_ms`."""

log = structlog.get_logger(__name__)


class KafkaLog:
    """One topic, `<prefix>.<name>`; what is set aside goes to `<prefix>.<name>.unreadable` as it was, with the reason in a header."""

    def __init__(self, settings: Settings, name: str, *, instance: str) -> None:
        self.topic = f"{settings.kafka_prefix}.{name}"
        self.unreadable_topic = f"{self.topic}.unreadable"
        self._settings = settings
        self._instance = instance
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Close at the end what was opened meanwhile."""
        try:
            yield
        finally:
            self._give_up(self._producer)
            if self._closing:
                await asyncio.wait(self._closing)

    async def append(self, records: Sequence[Record]) -> None:
        """Write records down; see `Log.append`."""
        for record in records:
            if len(record.key) + len(record.value) > RECORD_BYTES:
                raise TooLarge(f"A record may have {RECORD_BYTES} bytes.")
        await self._send(self.topic, [(record, []) for record in records])

    async def _send(self, topic: str, records: Sequence[tuple[Record, list[tuple[str, bytes]]]]) -> None:
        producer: AIOKafkaProducer | None = None
        sent: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                producer = await self._started()
                partitions = len(await producer.partitions_for(topic))
                for record, headers in records:
                    sent.append(
                        await producer.send(
                            topic,
                            record.value,
                            key=record.key,
                            partition=partition_of(record.key, partitions),
                            headers=headers,
                        )
                    )
                if sent:
                    await asyncio.wait(sent)
            for future in sent:
                future.result()
        except MessageSizeTooLargeError as error:  # of records; the topic was made with less by other means
            raise Unavailable(f"The topic {topic} takes no message of {LOG_MESSAGE_BYTES} bytes.") from error
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("not appended", topic=topic, error=f"{type(error).__name__}: {error}")
            # what a producer still has pending for brokers that do not answer would only grow; all of it was refused, or will be
            self._give_up(producer)
            raise Unavailable("What was sent could not be kept; try again.", headers={"Retry-After": "5"}) from error
        finally:
            for future in sent:
                future.add_done_callback(_looked_at)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=bootstrap(self._settings),
                    client_id=f"{self._instance}-{self.topic}",
                    acks="all",
                    enable_idempotence=True,
                    compression_type="zstd",
                    linger_ms=0,
                    max_batch_size=1024 * 1024,
                    max_request_size=LOG_MESSAGE_BYTES,
                    request_timeout_ms=REQUEST_MS,
                )
                try:
                    await start(producer, APPEND_SECONDS)
                    # without this the first sends overtake one another while they wait for metadata (measured)
                    await producer.partitions_for(self.topic)
                    self._producer = producer
                finally:
                    if self._producer is not producer:
                        self._close(producer)
            return self._producer

    def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        """Close a producer behind everybody's back, once; the next who appends makes a new one."""
        if producer is not None and self._producer is producer:
            self._producer = None
            self._close(producer)

    def _close(self, producer: AIOKafkaProducer) -> None:
        closing = asyncio.create_task(close_producer(producer))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def read(self, handle: Handle) -> None:
        """Hand over batches, and save how far that came after each; see `Log.read`."""
        consumer = AIOKafkaConsumer(
            self.topic,
            bootstrap_servers=bootstrap(self._settings),
            client_id=f"{self._instance}-{self.topic}",
            group_id=self.topic,
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
            fetch_max_bytes=BATCH_BYTES,
            max_partition_fetch_bytes=LOG_MESSAGE_BYTES,
        )
        try:
            await start(consumer, START_SECONDS)
            log.info("reading", topic=self.topic)
            while True:
                if batch := await _next_batch(consumer):
                    await self._handle(handle, batch)
                    failpoints.hit("log.after_handle")
                    async with asyncio.timeout(COMMIT_SECONDS):  # aiokafka tries for as long as there is no coordinator
                        await consumer.commit(_behind(batch))
        finally:
            await close_consumer(consumer)

    async def _handle(self, handle: Handle, batch: Sequence[ConsumerRecord]) -> None:
        records = [Record(record.key or b"", record.value or b"") for record in batch]
        unreadable = await patiently(
            self.topic,
            lambda: handle(records),
            passing=lambda error: isinstance(error, Unavailable) or is_transient(error),
            for_seconds=HANDLE_SECONDS,
        )
        if unreadable:
            await self._set_aside(batch, unreadable)

    async def _set_aside(self, batch: Sequence[ConsumerRecord], unreadable: Sequence[Unreadable]) -> None:
        """Keep what nobody can read where somebody can look at it, before it counts as read."""
        kept = []
        for each in unreadable:
            record = batch[each.place]
            origin = f"{record.topic}[{record.partition}]@{record.offset}"
            log.error("record set aside", origin=origin, reason=each.reason, to=self.unreadable_topic)
            headers = [("origin", origin.encode()), ("reason", each.reason.encode())]
            kept.append((Record(record.key or b"", record.value or b""), headers))
        await self._send(self.unreadable_topic, kept)


async def _next_batch(consumer: AIOKafkaConsumer) -> list[ConsumerRecord]:
    """Return what there is, waiting up to a second for the first; those of a partition are in order."""
    batch: list[ConsumerRecord] = []
    size = 0
    while size < BATCH_BYTES and len(batch) < BATCH_RECORDS:
        limit = min(POLL_RECORDS, BATCH_RECORDS - len(batch))
        fetched = await consumer.getmany(timeout_ms=0 if batch else POLL_MS, max_records=limit)
        found = [record for records in fetched.values() for record in records]
        if not found:
            break
        batch += found
        size += sum(len(record.value or b"") for record in found)
    return batch


def _behind(batch: Sequence[ConsumerRecord]) -> dict[TopicPartition, int]:
    return {TopicPartition(record.topic, record.partition): record.offset + 1 for record in batch}


def _looked_at(future: asyncio.Future[object]) -> None:
    """Take note of what became of a record whose sender no longer waits, or asyncio would complain that nobody did."""
    if not future.cancelled():
        future.exception()
