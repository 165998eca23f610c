"""The local bus keeps the bus's promise, and a few of its own."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.bus.local import LocalBus
from opsloop_common.outbox.relay import Relay
from opsloop_common.service import Slice
from opsloop_common.testing.bus_suite import BusSuite, World, assert_in_order
from opsloop_common.testing.relay_process import run_until_killed
from opsloop_common.testing.sample.service import SAMPLE


class LocalWorld(World):
    def bus(self, listeners):
        return LocalBus({"sample": self.producer}, backoff=(0.01, 0.02))

    async def rewind(self, listener):
        async with listener.database.transaction() as session:
            await session.execute(text("DELETE FROM delivery_cursor"))

    async def kill_relay_after_publishing(self):
        await run_until_killed("relay.after_publish", self.producer.url)


@pytest.fixture
async def world(make_database):
    world = LocalWorld()
    world.producer = world.consumers = await make_database(SAMPLE)
    async with world.open:
        yield world


class TestLocalBus(BusSuite):
    """The abstract suite on the local bus."""

    async def test_a_consumer_that_gathers_loses_nothing_when_it_is_stopped_meanwhile(self, world):
        stream, listener = uuid4(), world.listener(batch=True)
        patient = replace(listener.subscription, gather_seconds=30.0)
        listener.service = replace(listener.service, slices=(Slice("heard", subscriptions=[patient]),))
        bus = world.bus([listener])
        async with Relay(world.producer, bus).running(), bus.consuming(listener.service, listener.database):
            await world.pause(stream, "a", "b")
            await world.drained()
        assert await listener.count() == 0

        await world.start(listener)

        await listener.applied(2)
        assert_in_order(await listener.seen(), {f"campaign/{stream}": 2})
