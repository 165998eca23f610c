"""The Kafka bus keeps the bus's promise on a real broker, also when that dies."""

import asyncio
import gc
import random
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError

from opsloop_common.bus.kafka import KafkaBus, create_topics
from opsloop_common.bus.kafka.clients import close_consumer, close_producer, start
from opsloop_common.bus.local import LocalBus
from opsloop_common.limits import EVENT_BYTES
from opsloop_common.outbox.relay import Relay
from opsloop_common.service import Slice
from opsloop_common.settings import Settings
from opsloop_common.testing.bus_suite import BusSuite, World, assert_in_order, until
from opsloop_common.testing.relay_process import run_until_killed
from opsloop_common.testing.sample.service import SAMPLE

pytestmark = pytest.mark.kafka


class KafkaWorld(World):
    def __init__(self, broker, prefix):
        super().__init__()
        self.broker = broker
        self.prefix = prefix
        self.topic = f"{prefix}.sample"

    def settings(self, instance="one"):
        return Settings(
            kafka_bootstrap=self.broker.bootstrap,
            kafka_prefix=self.prefix,
            kafka_session_timeout_ms=6_000,
            kafka_replication=1,
            instance=instance,
        )

    def bus(self, listeners, instance="one", **options):
        settings = self.settings(instance)
        return KafkaBus(settings, SAMPLE, producers=["sample"], backoff=(0.01, 0.02), **options)

    async def rewind(self, listener):
        group = f"{self.prefix}.{listener.name}"
        partitions = [TopicPartition(self.topic, number) for number in range(12)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker.bootstrap, group_id=group, enable_auto_commit=False)
        consumer.assign(partitions)

        async def reset():  # a static member stays in its group until its session ends
            try:
                await consumer.commit(dict.fromkeys(partitions, 0))
            except KafkaError:
                await asyncio.sleep(0.5)  # until the group is asked again, by a loop with a deadline
                return False
            return True

        await consumer.start()
        try:
            await until(reset, what="offsets reset")
        finally:
            await consumer.stop()

    async def kill_relay_after_publishing(self):
        await run_until_killed("relay.after_publish", self.producer.url, self.broker.bootstrap, self.prefix)


@pytest.fixture
async def world(make_database, kafka_broker, prefix):
    world = KafkaWorld(kafka_broker, prefix)
    world.producer = await make_database(SAMPLE)
    world.consumers = await make_database(SAMPLE)
    await create_topics(world.settings(), ["sample"])
    async with world.open:
        yield world
    assert open_connections() == []


def open_connections():
    """Return the connections to brokers that nobody closed; those of tests before included."""
    gc.collect()
    return [c for c in gc.get_objects() if isinstance(c, AIOKafkaConnection) and c.connected()]


class TestKafkaBus(BusSuite):
    """The abstract suite on Kafka."""


async def records(world, count):
    """Return the first `count` records of the world's topic."""
    consumer = AIOKafkaConsumer(world.topic, bootstrap_servers=world.broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [await anext(consumer) for _ in range(count)]
    finally:
        await consumer.stop()


async def test_making_topics_again_changes_nothing(world):
    assert await create_topics(world.settings(), ["sample"]) == []
    assert await create_topics(world.settings(), ["sample", "other"]) == [f"{world.prefix}.other"]


async def test_a_record_is_the_event_with_its_headers(world):
    stream = uuid4()
    await world.start(world.listener())
    await world.pause(stream, "a")

    (record,) = await records(world, 1)

    headers = dict(record.headers)
    assert record.key == f"campaign/{stream}".encode()
    assert headers["content-type"] == b"application/cloudevents+json"
    assert headers["ce_type"] == b"campaign.paused"
    assert headers["ce_id"].decode() in record.value.decode()


async def test_undecodable_bytes_are_parked_and_the_partition_goes_on(world):
    stream, listener = uuid4(), world.listener()
    producer = AIOKafkaProducer(bootstrap_servers=world.broker.bootstrap)
    await producer.start()
    try:
        for number in range(12):
            await producer.send_and_wait(world.topic, b"\xff nonsense", partition=number)
    finally:
        await producer.stop()
    await world.start(listener)
    await world.pause(stream, "a", "b")

    await listener.applied(2)

    async def all_parked():
        return await listener.parked() == 12

    await until(all_parked, what="12 undecodable records parked")


async def test_consumers_come_and_go(world):
    listener = world.listener()
    listener.delay = 0.002
    streams = [uuid4() for _ in range(12)]
    total = 0
    await world.start(listener)
    for turn in range(3):
        async with AsyncExitStack() as second:
            bus = world.bus([listener], instance=f"guest-{turn}")
            await second.enter_async_context(bus.consuming(listener.service, listener.database))
            await asyncio.gather(*[world.pause(s, *[f"{turn}-{n}" for n in range(20)]) for s in streams])
            await listener.applied(total + 60)
        total += 240
    await listener.applied(total)

    assert_in_order(await listener.seen(), {f"campaign/{s}": 60 for s in streams})


async def test_the_broker_is_killed_and_comes_back(world):
    if not world.broker.can_die:
        pytest.skip("the broker was given by KAFKA_BOOTSTRAP_SERVERS and is not ours to kill")
    listener = world.listener(batch=True)
    streams = [uuid4() for _ in range(6)]
    await world.start(listener)
    await asyncio.gather(*[world.pause(s, *[f"a{n}" for n in range(20)]) for s in streams])
    await listener.applied(30)

    await asyncio.to_thread(world.broker.kill9)
    await asyncio.gather(*[world.pause(s, *[f"b{n}" for n in range(20)]) for s in streams])
    await asyncio.to_thread(world.broker.restart)
    await asyncio.gather(*[world.pause(s, *[f"c{n}" for n in range(20)]) for s in streams])

    await listener.applied(360)
    await world.drained()
    assert_in_order(await listener.seen(), {f"campaign/{s}": 60 for s in streams})


async def test_stopping_while_the_broker_is_down_ends_in_time(world):
    if not world.broker.can_die:
        pytest.skip("the broker was given by KAFKA_BOOTSTRAP_SERVERS and is not ours to kill")
    listener = world.listener()
    running = await world.start(listener)
    await world.pause(uuid4(), "a")
    await listener.applied(1)

    await asyncio.to_thread(world.broker.kill9)
    try:
        await world.pause(uuid4(), *[str(n) for n in range(50)])
        async with asyncio.timeout(45):
            await running.aclose()
    finally:
        await asyncio.to_thread(world.broker.restart)
    await world.start(listener)

    await listener.applied(51)


@pytest.mark.parametrize("kind", [AIOKafkaConsumer, AIOKafkaProducer])
async def test_a_start_that_is_cancelled_leaves_nothing_open(world, kind):
    for turn in range(30):
        client = kind(bootstrap_servers=world.broker.bootstrap)
        starting = asyncio.create_task(start(client, 10))
        await asyncio.sleep(turn / 1_000)
        starting.cancel()
        await asyncio.wait([starting])
        await (close_consumer if kind is AIOKafkaConsumer else close_producer)(client)


async def test_a_member_that_waits_for_its_group_is_cut_off(world):
    """Its group's other member never gives its partitions up, so the broker answers neither its join nor its end."""
    released = asyncio.Event()

    class Holding(ConsumerRebalanceListener):
        async def on_partitions_revoked(self, revoked):
            if revoked:
                await released.wait()

        async def on_partitions_assigned(self, assigned):
            pass

    group = f"{world.prefix}.group"
    options = {"bootstrap_servers": world.broker.bootstrap, "group_id": group, "heartbeat_interval_ms": 300}
    holder, waiting = AIOKafkaConsumer(**options), AIOKafkaConsumer(**options)
    holder.subscribe([world.topic], listener=Holding())
    waiting.subscribe([world.topic])
    await holder.start()
    await holder.getmany(timeout_ms=3_000)
    try:
        await waiting.start()
        await asyncio.sleep(1)  # it waits for its share meanwhile
        async with asyncio.timeout(10):
            await close_consumer(waiting)

        await asyncio.sleep(2)  # its tasks would have opened a connection again by now
        assert not any(connection.connected() for connection in waiting._client._conns.values())
    finally:
        released.set()
        await holder.stop()


async def test_raising_the_number_of_partitions_keeps_the_order(world):
    listener = world.listener(batch=True)
    streams = [uuid4() for _ in range(24)]
    running = await world.start(listener)
    for turn in range(3):
        await asyncio.gather(*[world.pause(s, *[f"{turn}-{n}" for n in range(5)]) for s in streams])
    await raise_partitions(world, 24)
    for turn in range(3, 6):
        await asyncio.gather(*[world.pause(s, *[f"{turn}-{n}" for n in range(5)]) for s in streams])
    await running.aclose()
    await world.start(listener)
    for turn in range(6, 8):
        await asyncio.gather(*[world.pause(s, *[f"{turn}-{n}" for n in range(5)]) for s in streams])

    await listener.applied(24 * 40)

    assert_in_order(await listener.seen(), {f"campaign/{s}": 40 for s in streams})


async def raise_partitions(world, count):
    admin = AIOKafkaAdminClient(bootstrap_servers=world.broker.bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({world.topic: NewPartitions(count)})
    finally:
        await admin.close()


async def test_the_largest_event_passes(world):
    stream, listener = uuid4(), world.listener()
    await world.start(listener)
    text = "".join(random.Random(3).choices("投诉支付失败abcdefgh", k=EVENT_BYTES // 5))

    await world.pause(stream, "before", text, "after")

    await listener.applied(3)


async def test_a_consumer_that_fell_silent_is_recreated(world, monkeypatch):
    """The stall itself cannot be provoked at will: the first consumer object's fetching is stopped for good."""
    getmany, silent = AIOKafkaConsumer.getmany, []

    async def stall_first(self, *args, **kwargs):
        silent[:] = silent or [self]
        if self is silent[0]:
            await asyncio.Event().wait()
        return await getmany(self, *args, **kwargs)

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", stall_first)
    listener = world.listener()
    bus = world.bus([listener], silent_seconds=2.0)
    async with Relay(world.producer, bus).running(), bus.consuming(listener.service, listener.database):
        await world.pause(uuid4(), "a", "b")
        await listener.applied(2)


async def test_a_blocked_event_loop_costs_the_partitions_and_nothing_else(world):
    listener = world.listener()
    streams = [uuid4() for _ in range(6)]
    blocked = []

    async def block(session, event):
        if event.data["name"] == "block" and not blocked:
            blocked.append(event)
            time.sleep(9)  # noqa: ASYNC251 longer than the session of 6 s: the group goes on without this member
        await listener.handle(session, event)

    blocked = Slice("heard", subscriptions=[replace(listener.subscription, handler=block)])
    service = replace(listener.service, slices=(blocked,))
    bus = world.bus([listener])
    async with Relay(world.producer, bus).running(), bus.consuming(service, listener.database):
        await asyncio.gather(*[world.pause(s, "a", "block", "c") for s in streams])
        await listener.applied(18)
        await world.pause(streams[0], "d")
        await listener.applied(19)

    assert_in_order(await listener.seen(), {f"campaign/{s}": 4 if s == streams[0] else 3 for s in streams})


async def test_what_the_local_bus_left_behind_goes_to_kafka(world):
    stream, listener = uuid4(), world.listener(batch=True)
    local = LocalBus({"sample": world.producer})
    async with Relay(world.producer, local).running():
        await world.pause(stream, *[str(n) for n in range(100)])
        await world.drained()
    await world.start(listener)

    await listener.applied(100)

    assert_in_order(await listener.seen(), {f"campaign/{stream}": 100})
