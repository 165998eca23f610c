"""Publish an outbox to its topics: acknowledged by all in-sync replicas, in the order of the rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from opsloop_common import failpoints, limits
from opsloop_common.bus.kafka.topics import PARTITIONS
from opsloop_common.connections import Patience
from opsloop_common.contracts.catalogue import INTERNAL
from opsloop_common.contracts.envelope import CONTENT_TYPE, topic_of
from opsloop_common.db import Database
from opsloop_common.direct import LockSession
from opsloop_common.telemetry.events import told_as_sent

SLOW_SECONDS = 10.0
GIVE_UP_SECONDS = (
    45.0  # a killed single node takes 23 s to come back (measured); idempotent batches never fail by themselves
)

_PENDING = "SELECT id, event_id, stream, type, payload FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT $1"
_MARK = "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY($1::bigint[])"

# what the local bus published, but not all of its consumers had, is published again; positions are never given twice
_TAKE_OVER = (
    "WITH log AS (INSERT INTO outbox_log (id, last_position, delivered_position) "
    "SELECT 1, coalesce(max(position), 0), 0 FROM outbox ON CONFLICT (id) DO UPDATE "
    "SET last_position = greatest(outbox_log.last_position, excluded.last_position) RETURNING delivered_position) "
    "UPDATE outbox SET published_at = NULL, position = NULL FROM log WHERE position > log.delivered_position"
)


async def take_over_from_local(session: LockSession) -> None:
    """Count as unpublished again what the local bus had not brought to its slowest consumer."""
    patience = Patience(limits.DATABASE_WORK_SECONDS)  # at a change of bus that is all of the outbox
    await session.execute(f"SET statement_timeout = '{patience.statement_seconds:g}s'")
    await session.execute(_TAKE_OVER, timeout=patience.answer_seconds)
    await session.execute("RESET statement_timeout")


class KafkaPublisher:
    """One sender: awaiting each `send` in turn keeps the order of a key (concurrent sends were seen to change it)."""

    def __init__(
        self,
        database: Database,
        session: LockSession,
        producer: AIOKafkaProducer,
        partitions: Mapping[str, int],
        *,
        prefix: str,
        report: Callable[[str | None], None],
    ) -> None:
        self._database = database
        self._session = session
        self._producer = producer
        self._prefix = prefix
        self._partitions = partitions
        self._report = report

    async def publish_pending(self, limit: int) -> int:
        """Send the next pending rows, wait for their acknowledgements, mark those that came."""
        began_ns, tracer = time.time_ns(), self._database.tracer
        rows = await self._session.fetch(_PENDING, limit)
        if not rows:
            return 0
        sent: list[asyncio.Future[Any]] = []
        documents: list[dict[str, Any]] = []
        try:
            for row in rows:
                # most of what is read into objects here would be read for nothing
                is_read = tracer is not None or '"traceparent"' in row["payload"]
                document = orjson.loads(row["payload"]) if is_read else {}
                documents.append(document)
                payload = row["payload"].encode()
                key = row["stream"].encode()
                topic = topic_of(self._database.service, is_internal=row["type"] in INTERNAL, prefix=self._prefix)
                partition = partition_of(key, self._partitions[topic])
                sent.append(
                    await self._producer.send(
                        topic, payload, key=key, partition=partition, headers=_headers(row, document)
                    )
                )
            await self._acknowledged(sent)
        finally:
            failpoints.hit("relay.after_publish")
            acknowledged = [n for n, future in enumerate(sent) if _came(future)]
            if acknowledged:
                await self._session.execute(_MARK, [rows[n]["id"] for n in acknowledged])
            if tracer is not None:
                told_as_sent(tracer, self._database.service, [documents[n] for n in acknowledged], began_ns=began_ns)
        for future in sent:
            future.result()
        return len(rows)

    async def _acknowledged(self, sent: list[asyncio.Future[Any]]) -> None:
        _, missing = await asyncio.wait(sent, timeout=SLOW_SECONDS)
        if missing:
            self._report(f"{len(missing)} events not acknowledged for {SLOW_SECONDS:.0f} s")
            _, missing = await asyncio.wait(missing, timeout=GIVE_UP_SECONDS - SLOW_SECONDS)
        if missing:
            raise TimeoutError(f"{len(missing)} events not acknowledged for {GIVE_UP_SECONDS:.0f} s")
        self._report(None)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key as Kafka's own default does, but among the first 12 whatever a topic has by now.

    So raising the number of partitions moves no stream to another one, where its later events could overtake the earlier.
    """
    index: int = murmur2(key) & 0x7FFF_FFFF
    return index % min(PARTITIONS, partitions)


def _came(future: asyncio.Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _headers(row: asyncpg.Record, document: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    headers = [
        ("content-type", CONTENT_TYPE.encode()),
        ("ce_id", str(row["event_id"]).encode()),
        ("ce_type", row["type"].encode()),
    ]
    if traceparent := document.get("traceparent"):
        headers.append(("traceparent", traceparent.encode()))
    return headers
