"""From a client through Kafka into the store: answered when Kafka has it, stored once, and nothing lost while brokers are away."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from opsloop_common import failpoints
from opsloop_common.bus.kafka import KafkaLog, create_topics
from opsloop_common.settings import Settings
from opsloop_common.supervision import Pauses, supervise
from opsloop_common.testing.bus_suite import until
from opsloop_metrics.capture_log.service import LogSink, read_log
from opsloop_metrics.recording.writer import Writer

DEADLINE_SECONDS = 90
QUICK = Pauses(first=0.05, longest=0.5)
STORED = "SELECT message_id, count() FROM opsloop.event GROUP BY 1"


class Captured:
    """A service whose captured messages go through a topic of the test's own."""

    def __init__(self, world, store, log):
        self.world, self.store, self.log = world, store, log
        self.key = world.headers["Authorization"].removeprefix("Bearer ")

    async def send(self, *ids):
        batch = [{"type": "track", "event": "Paid", "userId": "u1", "messageId": id} for id in ids]
        return await self.world.send("POST", "/v1/batch", json={"batch": batch, "writeKey": self.key}, headers={})

    async def send_until_taken(self, *ids):
        async def taken():
            return (await self.send(*ids)).status_code == 200

        await until(taken, seconds=DEADLINE_SECONDS, what="taken")

    @asynccontextmanager
    async def writing(self):
        writer = Writer(self.world.api.db, self.store, is_shared=True)
        loops = (writer.run, lambda: read_log(self.log, writer))
        tasks = [asyncio.create_task(supervise("loop", loop, pauses=QUICK)) for loop in loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def stored(self):
        return dict((await self.store.query(STORED)).rows)

    async def until_stored(self, *ids):
        async def stored():
            return set(ids) <= set(await self.stored())

        await until(stored, seconds=DEADLINE_SECONDS, what="stored")


@pytest.fixture
async def captured(world_with_store, server_store, kafka_broker):
    settings = Settings(
        kafka_bootstrap=kafka_broker.bootstrap,
        kafka_prefix=f"t{uuid4().hex[:8]}",
        kafka_session_timeout_ms=6_000,
        kafka_replication=1,
    )
    await create_topics(settings, [], logs=["capture"])
    log = KafkaLog(settings, "capture", instance="one")
    async with log.opened():
        object.__setattr__(world_with_store.api.runtime.ports, "sink", LogSink(log))
        yield Captured(world_with_store, server_store, log)


async def test_what_is_acknowledged_is_stored_once_however_often_it_is_sent(captured):
    for _ in range(3):
        assert (await captured.send("a", "b")).status_code == 200
    async with captured.writing():
        await captured.send("b", "c")
        await captured.until_stored("a", "b", "c")

    assert await captured.stored() == {"a": 1, "b": 1, "c": 1}


async def test_a_batch_that_comes_again_counts_once(captured, monkeypatch):
    monkeypatch.setenv(failpoints.VARIABLE, "log.after_handle:raise:2")  # written, and not saved that it was
    await captured.send("a", "b")
    async with captured.writing():
        await captured.until_stored("a", "b")
        await captured.send("last")
        await captured.until_stored("last")

    assert await captured.stored() == {"a": 1, "b": 1, "last": 1}


async def test_brokers_away_are_told_to_the_client_and_nothing_is_lost(captured, kafka_broker):
    await captured.send_until_taken("before")
    kafka_broker.kill9()
    try:
        refused = await captured.send("meanwhile")
    finally:
        kafka_broker.restart()
    async with captured.writing():
        await captured.send_until_taken("meanwhile", "after")
        await captured.until_stored("before", "meanwhile", "after")

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert await captured.stored() == {"before": 1, "meanwhile": 1, "after": 1}


async def test_while_the_store_is_away_messages_wait_in_the_log(captured, monkeypatch):
    insert, away = captured.store.insert, asyncio.Event()

    async def refuse(*args, **options):
        away.set()
        raise ConnectionError("away")

    monkeypatch.setattr(captured.store, "insert", refuse)
    async with captured.writing():
        await captured.send_until_taken("a")
        async with asyncio.timeout(DEADLINE_SECONDS):
            await away.wait()
        assert (await captured.send("b")).status_code == 200
        monkeypatch.setattr(captured.store, "insert", insert)
        await captured.until_stored("a", "b")

    assert await captured.stored() == {"a": 1, "b": 1}
