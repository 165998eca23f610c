"""A log on a real Kafka: what is acknowledged is there, what is there is handed over until it was handled, nothing blocks the rest."""

import asyncio
import os
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer

from opsloop_common import failpoints
from opsloop_common.bus.kafka import KafkaLog, create_topics
from opsloop_common.bus.kafka.log import APPEND_SECONDS
from opsloop_common.bus.log import BATCH_BYTES, BATCH_RECORDS, RECORD_BYTES, Record, Unreadable
from opsloop_common.errors import TooLarge, Unavailable
from opsloop_common.settings import Settings
from opsloop_common.supervision import Pauses, supervise
from opsloop_common.testing import bus_suite

QUICK = Pauses(first=0.05, longest=0.2)


async def until(condition, *, what, seconds=60):
    async def holds():
        return bool(condition())

    await bus_suite.until(holds, seconds=seconds, what=what)


class Reader:
    """Handles what a log hands over, and fails when told to."""

    def __init__(self, *, unreadable=frozenset()):
        self.batches = []
        self.failures = []
        self.unreadable = unreadable

    async def handle(self, records):
        if self.failures:
            raise self.failures.pop()
        self.batches.append(list(records))
        return [Unreadable(n, "no sense") for n, record in enumerate(records) if record.value in self.unreadable]

    @property
    def values(self):
        return [record.value for batch in self.batches for record in batch]


class World:
    def __init__(self, broker, prefix, stack):
        self.broker = broker
        self.prefix = prefix
        self.stack = stack

    @property
    def settings(self):
        return Settings(
            kafka_bootstrap=self.broker.bootstrap,
            kafka_prefix=self.prefix,
            kafka_session_timeout_ms=6_000,
            kafka_replication=1,
        )

    async def log(self, instance="one"):
        log = KafkaLog(self.settings, "raw", instance=instance)
        await self.stack.enter_async_context(log.opened())
        return log

    @asynccontextmanager
    async def reading(self, log, reader):
        task = asyncio.create_task(supervise("reader", lambda: log.read(reader.handle), pauses=QUICK))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def set_aside(self, count):
        """Return what was set aside, with its headers."""
        consumer = AIOKafkaConsumer(
            f"{self.prefix}.raw.unreadable", bootstrap_servers=self.broker.bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            async with asyncio.timeout(30):
                return [await consumer.getone() for _ in range(count)]
        finally:
            await consumer.stop()


@pytest.fixture
async def world(kafka_broker, prefix):
    async with AsyncExitStack() as stack:
        world = World(kafka_broker, prefix, stack)
        made = await create_topics(world.settings, [], logs=["raw"])
        assert made == [f"{world.prefix}.raw", f"{world.prefix}.raw.unreadable"]
        yield world


def records(count, key=b"acme", size=0):
    return [Record(key, f"{n:05d}".encode() + b"." * size) for n in range(count)]


def values(records):
    return [record.value for record in records]


async def test_what_is_appended_is_handed_over_in_the_order_of_its_key_and_once(world):
    log, reader = await world.log(), Reader()
    given = records(200)

    for start in range(0, 200, 50):
        await log.append(given[start : start + 50])
    async with world.reading(log, reader):
        await until(lambda: len(reader.values) >= 200, what="all read")

    assert reader.values == values(given)
    assert {record.key for batch in reader.batches for record in batch} == {b"acme"}


async def test_whoever_reads_later_begins_where_the_last_one_had_saved(world):
    log, first, second = await world.log(), Reader(), Reader()
    await log.append(records(10))
    async with world.reading(log, first):
        await until(lambda: len(first.values) >= 10, what="the first ten read")
        await log.append([Record(b"acme", b"a last one")])
        await until(lambda: len(first.values) >= 11, what="the last one read")
    await log.append([Record(b"acme", b"later")])
    async with world.reading(log, second):
        await until(lambda: b"later" in second.values, what="the later one read")

    # the offset of the last batch may not have been saved yet when reading ended
    assert set(second.values) <= {b"a last one", b"later"}


async def test_many_append_at_once(world):
    log, reader = await world.log(), Reader()
    given = [Record(f"w{n % 17}".encode(), f"{n}".encode()) for n in range(300)]

    await asyncio.gather(*(log.append([record]) for record in given))
    async with world.reading(log, reader):
        await until(lambda: len(reader.values) >= 300, what="all read")

    assert sorted(reader.values) == sorted(values(given))


async def test_nothing_appended_is_no_record(world):
    log = await world.log()

    await log.append([])


async def test_batches_have_bounds_also_when_they_take_no_room_on_the_way(world):
    log, reader = await world.log(), Reader()
    size = 900_000
    given = [Record(f"w{n}".encode(), f"{n:03d}".encode() + b"." * size) for n in range(60)]

    await log.append(given)
    async with world.reading(log, reader):
        await until(lambda: len(reader.values) >= 60, what="all read")

    assert sorted(reader.values) == values(given)
    assert max(len(batch) for batch in reader.batches) <= BATCH_RECORDS
    assert max(sum(len(r.value) for r in batch) for batch in reader.batches) < BATCH_BYTES + 8 * (size + 3)


async def test_the_largest_record_goes_and_a_larger_one_is_refused(world):
    log, reader = await world.log(), Reader()
    largest = Record(b"k", os.urandom(RECORD_BYTES - 1))

    await log.append([largest])
    with pytest.raises(TooLarge):
        await log.append([Record(b"k", b"kept?"), Record(b"k", largest.value + b"x")])
    async with world.reading(log, reader):
        await until(lambda: reader.values, what="the largest read")

    assert reader.values == [largest.value]


@pytest.mark.parametrize(
    "fault", [Unavailable("not now"), TimeoutError(), ConnectionError(), ValueError("a fault of ours")]
)
async def test_what_could_not_be_handled_comes_again_and_nothing_is_skipped(world, fault):
    log, reader = await world.log(), Reader()
    reader.failures = [fault, fault]
    given = records(20)

    await log.append(given)
    async with world.reading(log, reader):
        await until(lambda: len(reader.values) >= 20, what="all read")

    assert reader.values == values(given)


async def test_what_was_handled_and_not_saved_comes_again(world, monkeypatch):
    log, reader = await world.log(), Reader()
    monkeypatch.setenv(failpoints.VARIABLE, "log.after_handle:raise:1")

    await log.append(records(5))
    async with world.reading(log, reader):
        await until(lambda: len(reader.values) >= 10, what="read twice")

    assert reader.values[-5:] == values(records(5))


async def test_what_nobody_can_read_is_set_aside_and_holds_up_nothing(world):
    log, reader = await world.log(), Reader(unreadable={b"00003", b"00007"})
    given = records(10)

    await log.append(given)
    async with world.reading(log, reader):
        await until(lambda: len(reader.values) >= 10, what="all read")
        aside = await world.set_aside(2)
        await log.append([Record(b"acme", b"behind")])
        await until(lambda: b"behind" in reader.values, what="what stands behind read")

    assert [record.value for record in aside] == [b"00003", b"00007"]
    assert {dict(record.headers)["reason"] for record in aside} == {b"no sense"}
    assert all(dict(record.headers)["origin"].startswith(log.topic.encode()) for record in aside)


async def test_two_read_and_one_goes_away(world):
    one, two = await world.log("one"), await world.log("two")
    readers = Reader(), Reader()
    given = [Record(f"w{n}".encode(), f"{n}".encode()) for n in range(120)]

    async with world.reading(one, readers[0]):
        async with world.reading(two, readers[1]):
            for start in range(0, 120, 10):
                await one.append(given[start : start + 10])
            await until(lambda: len(readers[0].values) + len(readers[1].values) >= 120, what="all read")
        await one.append([Record(f"w{n}".encode(), b"after") for n in range(120)])
        await until(lambda: readers[0].values.count(b"after") >= 120, seconds=60, what="the rest read by who is left")

    assert {*readers[0].values, *readers[1].values} >= set(values(given))


async def test_brokers_away_refuse_in_time_and_what_was_acknowledged_is_read_when_they_are_back(world):
    log, reader = await world.log(), Reader()
    await log.append([Record(b"acme", b"before")])
    async with world.reading(log, reader):
        await until(lambda: reader.values, what="the first read")
        await log.append([Record(b"acme", b"acknowledged")])
        world.broker.kill9()
        try:
            began = time.monotonic()
            refused = await asyncio.gather(
                *(log.append([Record(b"acme", f"meanwhile {n}".encode())]) for n in range(5)), return_exceptions=True
            )
            took = time.monotonic() - began
        finally:
            world.broker.restart()
        async with asyncio.timeout(60):
            while True:
                try:
                    await log.append([Record(b"acme", b"after")])
                    break
                except Unavailable:
                    await asyncio.sleep(0.2)
        await until(lambda: {b"acknowledged", b"after"} <= set(reader.values), seconds=60, what="what was acknowledged")

    assert [type(each) for each in refused] == [Unavailable] * 5
    assert {each.headers["Retry-After"] for each in refused} == {"5"}
    assert took < APPEND_SECONDS * 2
    assert reader.values[0] == b"before"


async def test_no_broker_at_all_is_refused_in_our_words(unused_tcp_port):
    log = KafkaLog(Settings(kafka_bootstrap=f"127.0.0.1:{unused_tcp_port}"), "raw", instance="one")

    async with log.opened():
        with pytest.raises(Unavailable, match="try again"):
            await log.append(records(1))
