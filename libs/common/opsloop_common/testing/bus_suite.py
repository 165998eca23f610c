"""What every bus must do. Subclass `BusSuite`, give it a `world` fixture, and the whole promise is tested.

A world is one producing service and as many consumers as a test wants, in databases of their own, on the bus under test.
"""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count, pairwise
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.bus.port import Bus
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, Database
from opsloop_common.faults import is_transient
from opsloop_common.inbox import parking
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.inbox.tables import inbox, parked_event
from opsloop_common.outbox.relay import Relay
from opsloop_common.outbox.tables import outbox as outbox_table
from opsloop_common.service import Service, Slice
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note

DEADLINE_SECONDS = 60.0


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = DEADLINE_SECONDS, what: str = "") -> None:
    """Wait until `condition` holds; fails after `seconds`."""
    began = time.monotonic()
    while not await condition():
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        await asyncio.sleep(min(0.02 + waited / 10, 0.25))  # the longer it takes the less often: asking costs time too


async def patiently(work: Callable[[], Awaitable[None]]) -> None:
    """Do the test's own `work` again when it got a pooled connection that had been cut before its first statement."""
    while True:
        try:
            return await work()
        except DBAPIError as error:
            if not is_transient(error):
                raise


class Listener:
    """A consumer that writes each event into a row of its own, in the transaction that applies it."""

    def __init__(self, name: str, database: Database, *, batch: bool = False) -> None:
        self.name = name
        self.database = database
        self.bad: set[str] = set()
        self.delay = 0.0
        self._calls = count()
        self.gate: asyncio.Event | None = None
        self.subscription = (
            Subscription(name, frozenset({"campaign.paused"}), batch_handler=self.handle_batch)
            if batch
            else Subscription(name, frozenset({"campaign.paused"}), handler=self.handle)
        )
        self.service = Service(
            name=SAMPLE.name,
            title="",
            metadata=SAMPLE.metadata,
            migrations=SAMPLE.migrations,
            scopes=(),
            slices=(Slice("heard", subscriptions=[self.subscription]),),
        )

    async def handle(self, session: AsyncSession, event: Event) -> None:
        """Write the event down, after whatever the test puts in its way."""
        if self.gate is not None:
            await self.gate.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        if event.data["name"] in self.bad:
            raise RuntimeError(f"cannot {event.data['name']}")
        session.add(
            Note(
                workspace=event.workspace, text=f"{self.name} {event.partitionkey} {event.sequence} {next(self._calls)}"
            )
        )
        await session.flush()

    async def handle_batch(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """Write many events down."""
        for event in events:
            await self.handle(session, event)

    async def seen(self) -> dict[str, list[int]]:
        """Return the sequences that were applied, per stream, in the order of their application."""
        async with self.database.transaction(Context(workspace="acme")) as session:
            rows = [row.split(" ") for row in (await session.execute(select(Note.text))).scalars()]
        found: defaultdict[str, list[int]] = defaultdict(list)
        for name, stream, sequence, _ in sorted(rows, key=lambda row: int(row[3])):
            if name == self.name:
                found[stream].append(int(sequence))
        return found

    async def count(self) -> int:
        """Return how many events were applied."""
        query = select(func.count()).select_from(inbox).where(inbox.c.consumer == self.name)
        async with self.database.transaction() as session:
            return (await session.execute(query)).scalar_one()

    async def parked(self) -> int:
        """Return how many events are parked."""
        query = select(func.count()).select_from(parked_event).where(parked_event.c.consumer == self.name)
        async with self.database.transaction() as session:
            return (await session.execute(query)).scalar_one()

    async def applied(self, count: int) -> None:
        """Wait until `count` events were applied."""

        async def enough() -> bool:
            return await self.count() >= count

        await until(enough, what=f"{count} events applied by {self.name}")


class World(ABC):
    """One producer, its relay, and consumers, on the bus under test. Everything open is closed by `stop`."""

    producer: Database
    consumers: Database

    def __init__(self) -> None:
        self.open = AsyncExitStack()
        self.registry = CollectorRegistry()

    @abstractmethod
    def bus(self, listeners: Sequence[Listener]) -> Bus:
        """Return a new bus object, as a new process would make it, for the producer and these consumers."""

    @abstractmethod
    async def rewind(self, listener: Listener) -> None:
        """Forget how far the consumer has read, while it is not running."""

    @abstractmethod
    async def kill_relay_after_publishing(self) -> None:
        """Run a relay in a process of its own that dies after publishing, before it could mark anything."""

    def listener(self, name: str = "sample.listener", *, batch: bool = False) -> Listener:
        """Return a consumer."""
        return Listener(name, self.consumers, batch=batch)

    async def start(self, *listeners: Listener, relay: bool = True) -> AsyncExitStack:
        """Run a relay and consumers until the returned stack is closed (or the test ends)."""
        bus = self.bus(listeners)
        stack = AsyncExitStack()
        self.open.push_async_exit(stack)
        if relay:
            leader = Relay(self.producer, bus, metrics=BackboneMetrics(CollectorRegistry()))
            await stack.enter_async_context(leader.running())
        service = replace(
            listeners[0].service, slices=[Slice(each.name, subscriptions=[each.subscription]) for each in listeners]
        )
        await stack.enter_async_context(
            bus.consuming(service, self.consumers, metrics=BackboneMetrics(CollectorRegistry()))
        )
        return stack

    async def pause(self, campaign_id: UUID, *names: str, delay: float = 0.0) -> None:
        """Append one event per name to the campaign's stream, in one transaction that is held open for `delay` seconds."""
        async with self.producer.transaction(Context(workspace="acme")) as session:
            for name in names:
                outbox.append(session, CampaignPaused(campaign_id=campaign_id, name=name))
            await session.execute(text("SELECT 1"))
            await asyncio.sleep(delay)

    async def pending(self) -> int:
        """Return how many events are not published."""
        query = select(func.count()).select_from(outbox_table).where(outbox_table.c.published_at.is_(None))
        async with self.producer.transaction() as session:
            return (await session.execute(query)).scalar_one()

    async def drained(self) -> None:
        """Wait until everything is published."""

        async def nothing_pending() -> bool:
            return await self.pending() == 0

        await until(nothing_pending, what="outbox drained")


def assert_in_order(seen: dict[str, list[int]], expected: dict[str, int]) -> None:
    """Fail unless each stream was applied completely, once, in order."""
    assert {stream: len(numbers) for stream, numbers in seen.items()} == expected
    for numbers in seen.values():
        assert numbers == list(range(1, len(numbers) + 1))


class BusSuite:
    """The promise: delivered at least once, applied at most once, in order per stream, whatever dies."""

    async def test_delivers_once_in_order_per_stream(self, world: World) -> None:
        listener, other = world.listener(), world.listener("sample.other", batch=True)
        await world.start(listener, other)
        streams = [uuid4() for _ in range(5)]

        for number in range(6):
            await asyncio.gather(*[world.pause(stream, f"{number}") for stream in streams])
        await world.pause(streams[0], *[str(n) for n in range(50)])

        for each in (listener, other):
            await each.applied(80)
            expected = {f"campaign/{s}": 6 for s in streams} | {f"campaign/{streams[0]}": 56}
            assert_in_order(await each.seen(), expected)

    async def test_a_consumer_that_starts_later_gets_everything(self, world: World) -> None:
        stream = uuid4()
        await world.pause(stream, *[str(n) for n in range(700)])
        first = await world.start(world.listener("sample.early", batch=True))
        await world.drained()
        await first.aclose()
        listener = world.listener(batch=True)
        await world.start(listener)

        await listener.applied(700)

        assert_in_order(await listener.seen(), {f"campaign/{stream}": 700})

    async def test_goes_on_where_it_was_after_restarts(self, world: World) -> None:
        stream, listener = uuid4(), world.listener()
        for round_number in range(3):
            running = await world.start(listener)
            await world.pause(stream, *[f"{round_number}-{n}" for n in range(30)])
            await listener.applied(30 * round_number + 7)
            await running.aclose()
        await world.start(listener)

        await listener.applied(90)

        assert_in_order(await listener.seen(), {f"campaign/{stream}": 90})

    async def test_a_relay_killed_between_publishing_and_marking_loses_and_repeats_nothing(self, world: World) -> None:
        stream, listener = uuid4(), world.listener()
        await world.pause(stream, *[str(n) for n in range(40)])
        await world.kill_relay_after_publishing()
        await world.pause(stream, *[str(n) for n in range(40)])
        await world.start(listener)

        await listener.applied(80)
        await world.drained()

        assert_in_order(await listener.seen(), {f"campaign/{stream}": 80})

    async def test_poison_parks_with_its_followers_and_comes_back_in_order(self, world: World) -> None:
        sick, healthy, listener = uuid4(), uuid4(), world.listener()
        listener.bad = {"poison"}
        await world.start(listener)

        await world.pause(sick, "a", "poison", "c", "d")
        await world.pause(healthy, "a", "b", "c")
        await listener.applied(4)

        async def three_parked() -> bool:
            return await listener.parked() == 3

        await until(three_parked, what="poison and followers parked")
        seen = await listener.seen()
        assert (seen[f"campaign/{sick}"], seen[f"campaign/{healthy}"]) == ([1], [1, 2, 3])
        listener.bad = set()
        redriven = await parking.redrive(listener.database, listener.service, by=Context("acme"))
        await world.pause(sick, "e")
        await listener.applied(8)
        assert redriven == parking.Redriven(applied=3, failed=0, remaining=0)
        assert_in_order(await listener.seen(), {f"campaign/{sick}": 5, f"campaign/{healthy}": 3})

    async def test_a_slow_consumer_does_not_hold_up_another(self, world: World) -> None:
        slow, fast = world.listener("sample.slow"), world.listener("sample.fast")
        slow.gate = asyncio.Event()
        await world.start(slow, fast)
        streams = [uuid4() for _ in range(10)]

        for stream in streams:
            await world.pause(stream, *[str(n) for n in range(20)])
        await fast.applied(200)
        assert await slow.count() == 0
        slow.gate.set()

        await slow.applied(200)
        assert_in_order(await slow.seen(), {f"campaign/{s}": 20 for s in streams})

    async def test_twelve_writers_with_delayed_commits(self, world: World) -> None:
        listener = world.listener(batch=True)
        streams = [uuid4() for _ in range(20)]
        dice = random.Random(7)
        await world.start(listener)

        async def write(number: int) -> None:
            for turn in range(40):
                delay = dice.choice([0, 0, 0.001, 0.005, 0.02])
                await world.pause(streams[dice.randrange(20)], f"{number}-{turn}", delay=delay)

        await asyncio.gather(*[write(number) for number in range(12)])
        await listener.applied(480)

        seen = await listener.seen()
        lost = 480 - sum(len(numbers) for numbers in seen.values())
        out_of_order = sum(a >= b for numbers in seen.values() for a, b in pairwise(numbers))
        assert (lost, out_of_order) == (0, 0)
        assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen.values())

    async def test_two_relays_at_once(self, world: World) -> None:
        listener = world.listener(batch=True)
        streams = [uuid4() for _ in range(8)]
        bus = world.bus([listener])
        relays = [Relay(world.producer, bus) for _ in range(2)]
        async with relays[0].running(), relays[1].running(), bus.consuming(listener.service, listener.database):
            for turn in range(10):
                await asyncio.gather(*[world.pause(s, *[f"{turn}-{n}" for n in range(5)]) for s in streams])
                if turn in (3, 6):
                    await cut_relays(world.producer)
            await listener.applied(400)
            leading = [relay.leading.is_set() for relay in relays]

        assert sorted(leading) == [False, True]
        assert_in_order(await listener.seen(), {f"campaign/{s}": 50 for s in streams})

    async def test_a_replay_from_the_beginning_changes_nothing(self, world: World) -> None:
        stream, listener = uuid4(), world.listener(batch=True)
        running = await world.start(listener)
        await world.pause(stream, *[str(n) for n in range(300)])
        await listener.applied(300)
        await running.aclose()
        await world.rewind(listener)
        await world.start(listener)
        await world.pause(stream, "new")

        await listener.applied(301)

        assert_in_order(await listener.seen(), {f"campaign/{stream}": 301})

    async def test_the_database_cut_off_while_consuming(self, world: World) -> None:
        stream, listener = uuid4(), world.listener()
        await world.start(listener)
        for turn in range(4):
            names = [f"{turn}-{n}" for n in range(20)]
            await patiently(lambda names=names: world.pause(stream, *names))  # type: ignore[misc]
            await cut_pool(listener.database)

        await patiently(lambda: listener.applied(80))

        assert await listener.parked() == 0
        assert_in_order(await listener.seen(), {f"campaign/{stream}": 80})


async def cut_relays(database: Database) -> None:
    """End the connections of all relays of a database."""
    await _terminate(database, f"opsloop-{database.service}-relay")


async def cut_pool(database: Database) -> None:
    """End the pooled connections of a database, busy or not."""
    await _terminate(database, f"opsloop-{database.service}")


async def _terminate(database: Database, application: str) -> None:
    statement = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = :application AND pid <> pg_backend_pid()"
    )
    engine = Database(database.url, service="terminator", clock=database.clock, pool_size=1)
    try:
        async with engine.transaction() as session:
            await session.execute(statement, {"application": application})
    finally:
        await engine.close()
