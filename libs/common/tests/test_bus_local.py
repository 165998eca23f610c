"""The local bus keeps the bus's promise, and a few of its own."""

from dataclasses import replace
from uuid import UUID, uuid4
from zlib import crc32

import pytest
from sqlalchemy import text

from opsloop_common import outbox
from opsloop_common.bus.local import LocalBus
from opsloop_common.bus.local_consumer import STRANDS
from opsloop_common.bus.local_turns import TURN, Turns
from opsloop_common.bus.port import BATCH_LIMIT
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
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

    async def test_a_flood_of_one_workspace_keeps_no_other_behind_it(self, world):
        """400 events of one workspace before one of another's: it is applied after a turn, not after all of them."""
        listener, order = world.listener(batch=True), []

        async def note(session, events):
            order.append((events[0].workspace, len(events)))

        noting = replace(listener.subscription, batch_handler=note)
        listener.service = replace(listener.service, slices=(Slice("heard", subscriptions=[noting]),))
        listener.subscription = noting
        lanes: list[list[UUID]] = [[], []]
        while min(map(len, lanes)) < 10:
            campaign = uuid4()
            lanes[crc32(f"campaign/{campaign}".encode()) % STRANDS].append(campaign)
        campaigns = [*lanes[0][:10], *lanes[1][:10]]  # as many in each lane
        for workspace, count in (("greedy", 400), ("healthy", 1)):
            async with world.producer.transaction(Context(workspace=workspace)) as session:
                for number in range(count):
                    outbox.append(session, CampaignPaused(campaign_id=campaigns[number % 20], name=f"{number}"))

        await world.start(listener)
        await listener.applied(401)

        before = [count for workspace, count in order[: order.index(("healthy", 1))]]
        assert sum(before) <= BATCH_LIMIT + 2 * TURN  # the other lane has nobody else
        assert sum(count for _, count in order) == 401


def test_workspaces_take_turns_and_keep_the_order_of_their_own():
    turns, taken = Turns(), []
    for number in range(50):
        turns.append("greedy", ("greedy", number))
    turns.append("healthy", ("healthy", 0))

    while turns:
        turn = turns.next_turn()
        assert turns.next_turn() == turn  # it stays until it is done
        taken += turn
        turns.done(len(turn))

    assert taken.index(("healthy", 0)) == TURN
    assert [number for workspace, number in taken if workspace == "greedy"] == list(range(50))


def test_a_workspace_alone_has_full_batches():
    turns = Turns()
    for number in range(BATCH_LIMIT + 1):
        turns.append("acme", number)

    assert len(turns.next_turn()) == BATCH_LIMIT
