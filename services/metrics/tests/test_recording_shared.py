"""Several write to one store, and die where they like: each message is there once, with all that it said of people."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from opsloop_common import failpoints
from opsloop_common.db import Context
from opsloop_common.supervision import Pauses, supervise
from opsloop_metrics.app import SERVICE
from opsloop_metrics.capture.rules import Message, MessageKind, Outcome
from opsloop_metrics.recording.writer import Writer
from opsloop_metrics.store.port import StoreUnavailable
from services.metrics.tests import writing_process
from services.metrics.tests.entries import NOW, batch, entries_of, nameless
from services.metrics.tests.processes import run_module

BATCHES, SIZE = 20, 50
IDS = "SELECT id FROM opsloop.event"
UNSETTLED = "SELECT count() FROM opsloop.seen WHERE is_settled = 0"


@asynccontextmanager
async def writing(database, store, *, is_shared=True):
    writer = Writer(database, store, is_shared=is_shared)
    task = asyncio.create_task(supervise("writer", writer.run, pauses=Pauses(first=0.01, longest=0.1)))
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait([task])


async def times_stored(store):
    return Counter(row[0] for row in (await store.query(IDS)).rows)


async def traits(database):
    """Return which traits people have altogether."""
    async with database.transaction(Context("acme")) as session:
        return set(await session.scalars(text("SELECT DISTINCT jsonb_object_keys(traits) FROM person")))


async def written(database, clickhouse, failpoint=None, step=1):
    """Write all batches in a process of its own; returns its code."""
    arguments = (database.url, clickhouse, str(BATCHES), str(step))
    code, _ = await run_module(writing_process.__name__, *arguments, failpoint=failpoint, seconds=120)
    return code


@pytest.mark.slow
@pytest.mark.parametrize("place", ["capture.before_events", "capture.after_events", "capture.after_commit"])
async def test_two_processes_write_the_same_and_one_is_killed(make_database, clickhouse, server_store, place):
    database = await make_database(SERVICE)
    # from both ends, so that each writes some itself
    at_once = written(database, clickhouse, f"{place}:3"), written(database, clickhouse, step=-1)
    ends = [*await asyncio.gather(*at_once), await written(database, clickhouse)]

    assert ends == [-9, 0, 0]
    stored = await times_stored(server_store)
    assert (len(stored), set(stored.values())) == (BATCHES * SIZE, {1})
    assert await traits(database) == {f"seen_{n}" for n in range(BATCHES)}


class Interrupted(Exception):
    """Stands for the end of a process."""


@pytest.fixture(params=["store", "server_store"])
def store(request):
    """Return each of the two engines."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def database(world_with_store):
    return world_with_store.api.db


@pytest.fixture
def is_shared(request, store):
    return "server_store" in request.node.name


@pytest.mark.parametrize("place", ["capture.before_events", "capture.after_events", "capture.after_commit"])
async def test_what_ended_in_the_middle_is_made_good_by_whoever_hears_it_again(
    database, store, is_shared, place, monkeypatch
):
    given = await batch(1)
    monkeypatch.setenv(failpoints.VARIABLE, f"{place}:raise:1")
    async with writing(database, store, is_shared=is_shared) as first:
        with pytest.raises(StoreUnavailable):
            await first.take(given)
    async with writing(database, store, is_shared=is_shared) as second:
        outcomes = await second.take(given)
        again = await second.take(given)

    stored = await times_stored(store)
    assert (len(stored), set(stored.values())) == (SIZE, {1})
    assert await traits(database) == {"seen_1"}
    assert set(outcomes) == {Outcome.STORED if place == "capture.before_events" else Outcome.KNOWN}
    assert set(again) == {Outcome.KNOWN}


async def test_what_was_made_good_is_settled(database, server_store, monkeypatch):
    given = await batch(1)
    monkeypatch.setenv(failpoints.VARIABLE, "capture.after_events:raise:1")
    async with writing(database, server_store) as writer:
        with pytest.raises(StoreUnavailable):
            await writer.take(given)
        assert (await server_store.query(UNSETTLED)).rows == [[SIZE]]
        await writer.take(given)
        await writer.take(await batch(2))  # the ids of a block are settled before the next one begins

        assert (await server_store.query(UNSETTLED)).rows[0][0] <= SIZE
        assert (await server_store.query(f"{UNSETTLED} AND id IN ({IDS} WHERE message_id LIKE 'm1-%')")).rows == [[0]]


async def test_two_writers_in_turn_see_what_the_other_wrote(database, server_store):
    async with writing(database, server_store) as one, writing(database, server_store) as two:
        for number in range(6):
            given = await batch(number, size=20)
            outcomes = await asyncio.gather(one.take(given), two.take(given))
            assert Counter(outcome for each in outcomes for outcome in each) == {
                Outcome.STORED: 20,
                Outcome.KNOWN: 20,
            }

    assert set((await times_stored(server_store)).values()) == {1}


async def test_what_its_client_gave_no_name_is_known_by_its_own_when_it_comes_again(database, server_store):
    given = await entries_of(*nameless(5))
    async with writing(database, server_store) as writer:
        first, second = await writer.take(given), await writer.take(given)

    assert (set(first), set(second)) == ({Outcome.STORED}, {Outcome.KNOWN})
    assert len(await times_stored(server_store)) == 5


async def test_after_a_power_cut_of_the_server_the_newest_are_noted_again(database, server_store, monkeypatch):
    given = await batch(1)
    async with writing(database, server_store) as writer:
        await writer.take(given)
        await writer.take(await batch(2))
        await server_store.change("DELETE FROM opsloop.seen WHERE true")  # which is not synchronised with the disk
        query = server_store.query

        async def restarted(sql, *args, **options):
            found = await query(sql, *args, **options)
            if "uptime" in sql:
                found.rows[0][0] += 3600
            return found

        monkeypatch.setattr(server_store, "query", restarted)
        assert set(await writer.take(given)) == {Outcome.KNOWN}

    assert set((await times_stored(server_store)).values()) == {1}


async def test_the_same_message_received_anew_is_none_that_the_store_takes_for_a_copy(database, server_store):
    given = Message(MessageKind.TRACK, "Paid", "u1", "m1")
    async with writing(database, server_store) as writer:
        await writer.take(await entries_of(given))
        for table in ("event", "seen"):  # whoever takes an import back
            await server_store.change(f"DELETE FROM opsloop.{table} WHERE true")
        outcomes = await writer.take(await entries_of(given, now=NOW.replace(minute=1)))

    assert (outcomes, len(await times_stored(server_store))) == ([Outcome.STORED], 1)


async def test_many_workspaces_in_one_block(database, server_store):
    given = [await batch(1, size=10, workspace=f"w{n}") for n in range(8)]
    async with writing(database, server_store) as writer:
        await asyncio.gather(*(writer.take(entries) for entries in given))

    rows = (await server_store.query("SELECT workspace, count() FROM opsloop.event GROUP BY 1 ORDER BY 1")).rows
    assert rows == [[f"w{n}", 10] for n in range(8)]
