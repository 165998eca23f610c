"""Connections that die silently: nothing waits for ever, the dead ones are not tried one by one, and what led steps down."""

import asyncio
import time
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from opsloop_common import direct, forwarding, limits, outbox
from opsloop_common.bus.local import LocalBus
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context, Database, app_role
from opsloop_common.due.workers import alive
from opsloop_common.faults import is_transient
from opsloop_common.lanes import Statement
from opsloop_common.outbox.relay import RELAY_LOCK, Relay
from opsloop_common.outbox.tables import outbox as outbox_table
from opsloop_common.testing.bus_suite import until
from opsloop_common.testing.proxy import Proxy
from opsloop_common.testing.sample.service import SAMPLE

ACME = Context(workspace="acme")
SECONDS = 1.0  # the statement time-out of these tests
SLEEP = Statement("SELECT pg_sleep(CAST(:seconds AS double precision))")
ONE = Statement("SELECT 1 AS one")


@pytest.fixture
async def proxy(databases):
    async with Proxy(str(databases.server.socket_dir / ".s.PGSQL.5432")).running() as proxy:
        yield proxy


SHORT = {
    "DATABASE_CONNECT_SECONDS": 1.0,
    "DATABASE_CHECKOUT_SECONDS": 1.0,
    "DATABASE_QUIET_SECONDS": 0.3,
    "DATABASE_PROOF_SECONDS": 0.3,
    "DATABASE_CLOSE_SECONDS": 0.2,
    "LOCK_HOLDER_PROOF_SECONDS": 0.5,
    "LOCK_HOLDER_IDLE_SECONDS": 2.0,
    "LISTENER_PROOF_SECONDS": 0.5,
}


@pytest.fixture
async def database(make_database, proxy, monkeypatch):
    """The sample's database, reached over TCP through the proxy. The attack tests go by the real numbers."""
    for name, seconds in SHORT.items():
        monkeypatch.setattr(limits, name, seconds)
    there = await make_database(SAMPLE)
    url = make_url(there.url).set(host="127.0.0.1", port=proxy.port, query={}).render_as_string(False)
    database = Database(
        url, service=SAMPLE.name, clock=there.clock, role=app_role(SAMPLE.name), statement_seconds=SECONDS
    )
    yield database
    await database.close()


async def ask(database):
    async with database.transaction(ACME) as session:
        return await session.scalar(text("SELECT 1"))


async def ask_lane(database):
    return (await database.lanes.fetch(ONE, {}))[0]["one"]


async def work(database):
    async with database.work(ACME) as session:
        return await session.scalar(text("SELECT 1"))


WAYS = pytest.mark.parametrize("way", [ask, ask_lane])


@asynccontextmanager
async def held(database, way, count):
    """Have `count` connections open and idle, all used just now."""
    await asyncio.gather(*[way(database) for _ in range(count)])
    yield


async def timed(work):
    began = time.monotonic()
    try:
        return await work, time.monotonic() - began
    except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not is_transient(error):
            raise
        return None, time.monotonic() - began


@WAYS
@pytest.mark.parametrize("mode", ["swallow", "deafen"])
async def test_a_busy_connection_that_dies_is_given_up_in_time_and_the_next_work_is_done(database, proxy, way, mode):
    await asyncio.gather(*[way(database) for _ in range(8)])
    getattr(proxy, mode)()  # all were used a moment ago: nothing says yet that they are dead

    found = await asyncio.gather(*[timed(way(database)) for _ in range(2)])
    after, seconds = await timed(way(database))  # three more are dead, and nobody has tried them

    assert max(s for _, s in found) < SECONDS + 1.5
    assert after == 1
    assert seconds < 0.5


@WAYS
async def test_an_idle_connection_that_died_costs_a_moment_and_no_error(database, proxy, way):
    async with held(database, way, 5):
        await asyncio.sleep(0.4)  # longer than a connection may be idle unproven
    proxy.swallow()

    found = await asyncio.gather(*[timed(way(database)) for _ in range(5)])

    assert [answer for answer, _ in found] == [1] * 5
    assert max(seconds for _, seconds in found) < 1.0


@WAYS
async def test_a_connection_that_was_reset_costs_nothing(database, proxy, way):
    async with held(database, way, 5):
        await asyncio.sleep(0.4)  # longer than a connection may be idle unproven
    await proxy.reset()

    assert (await timed(way(database)))[0] == 1


@WAYS
async def test_a_network_that_takes_nothing_new_either_is_an_error_in_time(database, proxy, way):
    async with held(database, way, 5):
        proxy.shut()

    found = await asyncio.gather(*[timed(way(database)) for _ in range(12)])
    assert all(answer is None for answer, _ in found)
    assert max(seconds for _, seconds in found) < 3.0

    proxy.open()
    began = time.monotonic()
    while (await timed(way(database)))[0] != 1:
        assert time.monotonic() - began < 10


@WAYS
async def test_the_server_ends_a_long_statement_and_the_connection_stays(database, proxy, way):
    await way(database)
    before = proxy.accepted

    with pytest.raises((SQLAlchemyError, asyncpg.QueryCanceledError)) as caught:
        if way is ask_lane:
            await database.lanes.fetch(SLEEP, {"seconds": 30.0})
        else:
            async with database.transaction(ACME) as session:
                await session.execute(text("SELECT pg_sleep(30)"))

    assert is_transient(caught.value)
    assert await way(database) == 1
    assert proxy.accepted == before


async def test_work_that_nobody_waits_for_has_more_time(database):
    async with database.work(ACME) as session:
        assert await session.scalar(text("SELECT pg_sleep(:s) IS NOT NULL"), {"s": SECONDS * 1.5})


@WAYS
async def test_a_statement_that_nobody_waits_for_any_more_takes_its_connection_with_it(database, way):
    await way(database)

    async def sleep():
        if way is ask_lane:
            await database.lanes.fetch(SLEEP, {"seconds": 0.9})
        else:
            async with database.transaction(ACME) as session:
                await session.execute(text("SELECT pg_sleep(0.9)"))

    task = asyncio.create_task(sleep())
    await asyncio.sleep(0.2)  # in the middle of the statement
    task.cancel()
    began = time.monotonic()
    await asyncio.wait([task])

    assert task.cancelled()
    assert time.monotonic() - began < 0.2
    assert await way(database) == 1


async def test_a_commit_without_an_answer_is_an_error_in_time_and_the_rows_are_there_or_not(database, proxy):
    async def append():
        async with database.transaction(ACME) as session:
            outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="x"))
            await session.flush()
            proxy.deafen()

    await ask(database)
    answer, seconds = await timed(append())

    assert answer is None
    assert seconds < SECONDS + 1.5
    assert await ask(database) == 1


async def test_closing_does_not_wait_for_the_dead(database, proxy):
    await asyncio.gather(*[ask(database) for _ in range(5)], *[ask_lane(database) for _ in range(5)], work(database))
    proxy.swallow()
    began = time.monotonic()
    await database.close()
    assert time.monotonic() - began < 2.5


async def test_the_relay_steps_down_and_its_lock_is_free_soon(database, proxy, make_database):
    bus = LocalBus({"sample": database})
    async with Relay(database, bus).running():
        await until(lambda: _pending_is(database, 0))
        proxy.swallow()
        began = time.monotonic()
        await _append(database, 10)
        await until(lambda: _pending_is(database, 0))
        seconds = time.monotonic() - began

    assert seconds < 6


async def test_a_holder_that_fell_silent_within_a_statement_is_ended_by_who_stands_by(database, proxy, databases):
    """asyncpg sends the first of a statement in two halves; between them none of the server's time-outs applies."""
    connection = await direct.connect(database, purpose="relay", settings=direct.lock_settings())
    await connection.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK)
    half = asyncio.create_task(connection.prepare("SELECT 2"))
    await asyncio.wait([half])
    half.result()  # parsed, and never executed
    proxy.swallow()
    await _append(database, 3)
    began = time.monotonic()

    async with Relay(database, LocalBus({"sample": database})).running():
        await until(lambda: _pending_is(database, 0))

    assert time.monotonic() - began < 2 * SHORT["LOCK_HOLDER_IDLE_SECONDS"] + 2
    connection.terminate()


async def test_a_lock_holder_that_waits_for_something_else_proves_itself_too(database, proxy):
    connection = await direct.connect(database, purpose="test", settings=direct.lock_settings())
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    async with direct.LockSession(connection).proven():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):  # longer than the server waits for it
                await lost.wait()
        proxy.swallow()
        async with asyncio.timeout(5):
            await lost.wait()


async def test_who_only_listens_hears_again(database, proxy):
    apart = Database(database.url, service="sample", clock=database.clock, statement_seconds=SECONDS)
    waiting = database.wakeups.subscribe("due")
    try:
        async with (
            forwarding.across_processes(database, listen=True),
            forwarding.across_processes(apart, listen=False),
        ):
            await _fired(apart, waiting)
            proxy.swallow()
            began = time.monotonic()
            await _fired(apart, waiting)
    finally:
        await apart.close()
    assert time.monotonic() - began < 10


async def test_the_heart_beats_again(database, proxy):
    owner = uuid4()
    async with alive(database, owner, instance="test"):
        proxy.swallow()

        async def beats():
            async with database.transaction() as session:
                late = text(
                    "SELECT clock_timestamp() - heartbeat_at < interval '2.4 seconds' FROM worker WHERE id = :id"
                )
                return await session.scalar(late, {"id": owner})

        await asyncio.sleep(3)  # how long it stays away: several beats
        await until(lambda: _quietly(beats()))


async def test_the_deadlines_are_set_on_every_connection(database):
    names = (
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "client_connection_check_interval",
    )
    async with database.transaction() as session:
        quick = [await session.scalar(text(f"SHOW {name}")) for name in names]
    async with database.work() as session:
        patient = [await session.scalar(text(f"SHOW {name}")) for name in names]

    assert quick == ["1s", "900ms", "10s", "2s"]
    assert patient == ["30s", "27s", "30s", "2s"]


async def test_the_kernel_watches_tcp_connections(database):
    connection = await direct.connect(database, purpose="test")
    try:
        end = connection._transport.get_extra_info("socket")
        assert end.getsockopt(6, 18) == 10_000  # TCP_USER_TIMEOUT
        assert end.getsockopt(1, 9) == 1  # SO_KEEPALIVE
    finally:
        await direct.close(connection)


async def _append(database, count):
    async def append():
        async with database.transaction(ACME) as session:
            for number in range(count):
                outbox.append(session, CampaignPaused(campaign_id=uuid4(), name=str(number)))
        return True

    await until(lambda: _quietly(append()))


async def _pending_is(database, expected):
    async def pending():
        async with database.transaction() as session:
            return await session.scalar(select(func.count()).where(outbox_table.c.published_at.is_(None)))

    return await _quietly(pending()) == expected


async def _fired(sender, waiting):
    async def heard():
        sender.wakeups.forward("due")
        return waiting.is_set()

    await until(heard)
    waiting.clear()


async def _quietly(work):
    try:
        return await work
    except (SQLAlchemyError, OSError):
        return None
