"""The local bus keeps the bus's promise, and a few of its own."""

import pytest
from sqlalchemy import text

from opsloop_common.bus.local import LocalBus
from opsloop_common.testing.bus_suite import BusSuite, World
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
