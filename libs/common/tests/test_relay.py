"""The relay: one leads, it stops with its connection, it forgets old rows; wake-ups cross processes."""

import asyncio
import time
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select, text

from opsloop_common import direct, forwarding, outbox, wakeups
from opsloop_common.bus.local import LocalBus
from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.bus.port import UNKNOWN
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context, Database
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.outbox.pruning import prune
from opsloop_common.outbox.relay import Relay
from opsloop_common.outbox.tables import outbox as outbox_table
from opsloop_common.service import Service, Slice
from opsloop_common.testing.bus_suite import cut_relays, until
from opsloop_common.testing.sample.service import SAMPLE

ACME = Context(workspace="acme")


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def append(database, count, stream=None):
    async with database.transaction(ACME) as session:
        for number in range(count):
            outbox.append(session, CampaignPaused(campaign_id=stream or uuid4(), name=str(number)))


async def scalar(database, query):
    async with database.transaction() as session:
        return (await session.execute(query)).scalar_one()


async def pending(database):
    return await scalar(database, select(func.count()).where(outbox_table.c.published_at.is_(None)))


def consumer_of(handled, name="sample.consumer"):
    async def handle(session, events):
        handled.extend((event.partitionkey, event.sequence, time.monotonic()) for event in events)

    subscription = Subscription(name, frozenset({"*"}), batch_handler=handle)
    return Service(
        "sample", "", SAMPLE.metadata, SAMPLE.migrations, (), slices=(Slice("heard", subscriptions=[subscription]),)
    )


async def test_positions_have_no_gaps_and_follow_the_ids(database):
    await append(database, 1200)
    async with Relay(database, LocalBus({"sample": database})).running():
        await until(lambda: _is(pending(database), 0))

    async with database.transaction() as session:
        rows = (await session.execute(select(outbox_table.c.position).order_by(outbox_table.c.id))).scalars().all()
    assert rows == list(range(1, 1201))


async def test_a_relay_without_its_connection_stops_and_another_leads(database):
    bus = LocalBus({"sample": database})
    first, second = Relay(database, bus), Relay(database, bus)
    async with first.running(), second.running():
        await until(lambda: _true(first.leading.is_set() or second.leading.is_set()))
        await cut_relays(database)
        await until(lambda: _true(not (first.leading.is_set() and second.leading.is_set())))
        await append(database, 10)
        await until(lambda: _is(pending(database), 0))

        assert first.leading.is_set() != second.leading.is_set()


async def test_an_event_reaches_its_consumer_without_waiting_for_a_poll(database):
    handled = []
    bus = LocalBus({"sample": database})
    async with Relay(database, bus).running(), bus.consuming(consumer_of(handled), database):
        await append(database, 1)
        await until(lambda: _true(len(handled) == 1))
        delays = []
        for number in range(2, 12):
            began = time.monotonic()
            await append(database, 1)
            await until(lambda n=number: _true(len(handled) == n))
            delays.append(handled[-1][2] - began)

    assert sorted(delays)[5] < 0.5 * bus.poll_seconds


async def test_metrics_say_what_is_pending_published_and_applied(database):
    handled = []
    registry = CollectorRegistry()
    metrics = BackboneMetrics(registry)
    bus = LocalBus({"sample": database})
    await append(database, 30)
    async with (
        Relay(database, bus, metrics=metrics).running(),
        bus.consuming(consumer_of(handled), database, metrics=metrics),
    ):
        await until(lambda: _true(len(handled) == 30))

        def applied():
            labels = {"consumer": "sample.consumer", "outcome": "applied"}
            return registry.get_sample_value("opsloop_consumer_events_total", labels)

        await until(lambda: _true(applied() == 30))
        assert registry.get_sample_value("opsloop_relay_published_total") == 30
        assert registry.get_sample_value("opsloop_outbox_pending") == 0


async def test_old_rows_go_only_behind_the_slowest_consumer(database):
    await append(database, 10)
    async with Relay(database, LocalBus({"sample": database})).running():
        await until(lambda: _is(pending(database), 0))
    await append(database, 2)
    async with database.transaction() as session:
        await session.execute(text("UPDATE outbox SET published_at = now() - interval '15 days' WHERE position <= 8"))
    connection = await direct.connect(database, purpose="test")
    try:
        assert await prune(connection, UNKNOWN) == 0
        assert await prune(connection, 5) == 5
        assert await prune(connection, None) == 3
        assert await prune(connection, None) == 0
    finally:
        await direct.close(connection)
    assert await scalar(database, select(func.count()).select_from(outbox_table)) == 4


async def test_positions_go_on_after_every_row_was_pruned(database):
    handled = []
    for expected in (5, 10):
        bus = LocalBus({"sample": database})
        async with Relay(database, bus).running(), bus.consuming(consumer_of(handled), database):
            await append(database, 5)
            await until(lambda n=expected: _true(len(handled) == n))
        connection = await direct.connect(database, purpose="test")
        try:
            await connection.execute("UPDATE outbox SET published_at = now() - interval '15 days'")
            assert await prune(connection, expected) == 5
        finally:
            await direct.close(connection)


async def test_cursors_are_saved_at_the_end_and_the_floor_is_known_once_all_consume(make_database):
    database, other = await make_database(SAMPLE), await make_database(SAMPLE)
    handled = []
    bus = LocalBus({"sample": database, "other": other})
    quiet = Service("other", "", SAMPLE.metadata, SAMPLE.migrations, ())
    async with Relay(database, bus).running(), bus.consuming(consumer_of(handled), database):
        await append(database, 25)
        await until(lambda: _true(len(handled) == 25))
        assert bus.delivered("sample") == UNKNOWN
        assert bus.problem() == "no relay for other"
        async with bus.consuming(quiet, other):
            await until(lambda: _true(bus.delivered("sample") == 25))

    stored = await scalar(database, text("SELECT DISTINCT position FROM delivery_cursor WHERE source = 'sample'"))
    assert stored == 25


async def test_a_consumer_that_cannot_keep_up_reads_the_log_and_not_everything_at_once(database):
    handled = []
    gate = asyncio.Event()

    async def handle(session, events):
        await gate.wait()
        handled.extend(event.sequence for event in events)

    subscription = Subscription("sample.slow", frozenset({"*"}), batch_handler=handle)
    service = Service(
        "sample", "", SAMPLE.metadata, SAMPLE.migrations, (), slices=(Slice("heard", subscriptions=[subscription]),)
    )
    bus = LocalBus({"sample": database})
    stream = uuid4()
    async with Relay(database, bus).running(), bus.consuming(service, database):
        for _ in range(5):
            await append(database, 1000, stream)
        await until(lambda: _is(pending(database), 0))
        gate.set()
        await until(lambda: _true(len(handled) == 5000))

    assert handled == list(range(1, 5001))


async def test_wake_ups_cross_processes_after_the_commit(database):
    apart = Database(database.url, service="sample", clock=database.clock)
    waiting = apart.wakeups.subscribe(wakeups.OUTBOX)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(apart.close)
        await stack.enter_async_context(forwarding.across_processes(apart, listen=True))
        await stack.enter_async_context(forwarding.across_processes(database, listen=False))
        for _ in range(3):

            async def woken():
                if not waiting.is_set():
                    await append(database, 1)
                return waiting.is_set()

            await until(woken)
            waiting.clear()


async def _true(value):
    return value


async def _is(found, expected):
    return await found == expected
