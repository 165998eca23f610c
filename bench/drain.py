"""How fast a full outbox empties: 20,000 committed events to published, on either bus, beside the bare work on the same rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from bench.report import Line, median
from bench.world import Databases
from opsloop_common.bus.kafka import KafkaBus, create_topics
from opsloop_common.bus.local import LocalBus
from opsloop_common.bus.port import Bus
from opsloop_common.clock import SystemClock
from opsloop_common.contracts.feedback import Author, FeedbackReceived
from opsloop_common.db import Context, Database
from opsloop_common.ids import uuid7
from opsloop_common.outbox.append import event_from
from opsloop_common.outbox.relay import BATCH, PLANNER, Relay
from opsloop_common.settings import Settings
from opsloop_feedback.app import SERVICE as FEEDBACK
from tests.harness import connect_arguments, eventually

ROWS = 20_000
GOAL_PER_SECOND = 2_000
DEADLINE_SECONDS = 120.0

PENDING = "SELECT id, payload FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT $1"
EMPTY = "SELECT NOT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)"
MARK = "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY($1::bigint[])"


def events(count: int) -> list[tuple[str, str, str]]:
    """Return (event id, stream, payload) of posts as the feedback service sends them."""
    context, now = Context(workspace="default"), datetime.now(UTC)
    made = []
    for number in range(count):
        data = FeedbackReceived(
            feedback_id=uuid7(),
            number=number,
            kind="bug",
            severity="s2",
            sentiment=-0.5,
            channel="api",
            tags=[],
            author=Author(user_id=f"u{number % 100}"),
            occurred_at=now,
        )
        event = event_from(data, id=uuid7(), time=now, source="/opsloop/feedback", context=context, sequence=1)
        made.append((event.id, event.partitionkey, event.to_bytes().decode()))
    return made


async def fill(connection: asyncpg.Connection, rows: list[tuple[str, str, str]]) -> None:
    """Put the events into an empty outbox, unpublished."""
    await connection.execute("TRUNCATE outbox")
    await connection.copy_records_to_table(
        "outbox",
        records=[(id, stream, 1, "feedback.received", payload) for id, stream, payload in rows],
        columns=["event_id", "stream", "seq", "type", "payload"],
    )
    await connection.execute("VACUUM ANALYZE outbox")


async def bare_marking(url: str) -> float:
    """Select and mark the pending rows, a batch at a time, on one connection; rows a second."""
    connection = await asyncpg.connect(**connect_arguments(url), server_settings=PLANNER)
    try:
        began = time.perf_counter()
        while rows := await connection.fetch(PENDING, BATCH):
            await connection.execute(MARK, [row["id"] for row in rows])
        return ROWS / (time.perf_counter() - began)
    finally:
        await connection.close()


async def bare_producing(bootstrap: str, topic: str, rows: list[tuple[str, str, str]]) -> float:
    """Send the same payloads to a topic like ours with a bare producer, acks=all; messages a second."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        linger_ms=0,
        max_batch_size=128 * 1024,
    )
    await producer.start()
    try:
        await producer.partitions_for(topic)
        began = time.perf_counter()
        sent = [await producer.send(topic, p.encode(), key=s.encode()) for _, s, p in rows]
        await asyncio.gather(*sent)
        return len(rows) / (time.perf_counter() - began)
    finally:
        await producer.stop()


@asynccontextmanager
async def _database(url: str) -> AsyncIterator[Database]:
    database = Database(url, service="feedback", clock=SystemClock(), role="feedback_app")
    try:
        yield database
    finally:
        await database.close()


async def relayed(url: str, bus: Bus, database: Database) -> float:
    """Let a relay of the product empty the outbox through `bus`; events a second from its first sight to the last mark."""
    relay = Relay(database, bus)
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        async with relay.running():
            await relay.leading.wait()  # connected, and the producer started: that is start-up, measured elsewhere
            began = time.perf_counter()
            await eventually(
                lambda: connection.fetchval(EMPTY), within=DEADLINE_SECONDS, every=0.02, what="all published"
            )
            return ROWS / (time.perf_counter() - began)
    finally:
        await connection.close()


async def measure(databases: Databases, bootstrap: str | None, *, rounds: int) -> list[Line]:
    """Empty the same outbox barely and by our relay, in turn; the Kafka half only when there is a broker."""
    url = await databases.migrated("feedback", "drain")
    rows = events(ROWS)
    owner = await asyncpg.connect(**connect_arguments(url))
    prefix = f"bench-{uuid4().hex[:8]}"  # topics of our own: nothing else reads or writes them
    settings = Settings(kafka_bootstrap=bootstrap, kafka_prefix=prefix, kafka_replication=1)
    if bootstrap is not None:
        await create_topics(settings, ["feedback", "bare"])
    marking, local, producing, kafka = [], [], [], []
    async with _database(url) as database:
        for _ in range(rounds):
            await fill(owner, rows)
            marking.append(await bare_marking(url))
            await fill(owner, rows)
            local.append(await relayed(url, LocalBus({"feedback": database}), database))
            if bootstrap is not None:
                producing.append(await bare_producing(bootstrap, f"{prefix}.bare", rows))
                await fill(owner, rows)
                kafka.append(await relayed(url, KafkaBus(settings, FEEDBACK), database))
    await owner.close()
    lines = [_line("local bus", local, "bare SELECT + UPDATE", marking)]
    if kafka:
        lines.append(_line("Kafka", kafka, "bare producer, no database", producing))
    return lines


def _line(bus: str, ours: list[float], beside: str, theirs: list[float]) -> Line:
    rate = median(ours)
    return Line(
        section="drain",
        what=f"{ROWS:,} outbox rows to published, {bus}",
        ours=f"{rate:,.0f} events/s",
        baseline=f"{beside} {median(theirs):,.0f}/s",
        ratio=median([o / t for o, t in zip(ours, theirs, strict=True)]),
        goal=f"≥ {GOAL_PER_SECOND:,} events/s",
        met=rate >= GOAL_PER_SECOND,
    )
