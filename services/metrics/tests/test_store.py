"""The event store, here and on a server: what it is asked is bounded, what it is told is durable, one query never holds up another."""

import asyncio
import time
from uuid import uuid4

import pytest

from opsloop_metrics.store.engine import EngineFailed
from opsloop_metrics.store.port import StoreUnavailable, TooHeavy


@pytest.fixture(params=["store", "server_store"])
def store(request):
    """Return each of the two engines."""
    return request.getfixturevalue(request.param)


ENDLESS = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "it's",
        "a\\b",
        "tab\tline\nend\r",
        "数字",
        "\x00",
        "{x:String}",
        "'); DROP TABLE opsloop.event; --",
        "👨‍👩‍👧",
    ],
)
async def test_values_are_never_part_of_the_sql(store, text):
    found = await store.query("SELECT {t:String}, {l:Array(String)}", {"t": text, "l": [text, "x"]})

    assert found.rows == [[text, [text, "x"]]]


@pytest.mark.parametrize("value", [0, -1, 2**53, 0.1, 1e300, -0.5])
async def test_numbers_stay_themselves(store, value):
    kind = "Int64" if isinstance(value, int) else "Float64"
    found = await store.query(f"SELECT {{n:{kind}}}", {"n": value})

    assert found.rows == [[value]]


async def test_a_query_has_bounds_and_says_which(store):
    with pytest.raises(TooHeavy, match="more time"):
        await store.query(ENDLESS, seconds=0.2)
    with pytest.raises(TooHeavy, match="more memory"):
        await store.query("SELECT groupArray(number) FROM numbers(50000000)", bytes=20_000_000)


async def test_what_a_failed_statement_had_answered_is_nobody_elses_answer(store):
    for _ in range(5):
        with pytest.raises(TooHeavy):
            await store.query(ENDLESS, seconds=0.05)
        with pytest.raises(EngineFailed):
            await store.query("SELECT nothing FROM nowhere")
        assert (await store.query("SELECT 1")).rows == [[1]]


async def test_thousands_of_ids_may_be_asked_for(store):
    ids = [uuid4() for _ in range(6_000)]
    await store.insert("opsloop.seen", ["id"], [[str(id)] for id in ids[:3_000]])

    found = await store.query("SELECT count() FROM opsloop.seen WHERE id IN {ids:Array(UUID)}", {"ids": ids})

    assert found.rows == [[3_000]]


async def test_a_query_changes_nothing(store):
    with pytest.raises(EngineFailed):
        await store.query("INSERT INTO opsloop.seen SELECT generateUUIDv4()")

    assert (await store.query("SELECT count() FROM opsloop.seen")).rows == [[0]]


async def test_whoever_goes_away_ends_the_query(store):
    asking = asyncio.create_task(store.query(ENDLESS, seconds=60))
    await asyncio.sleep(0.1)  # the time it takes to be on its way, before or in the engine
    begun = time.monotonic()

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - begun < 10
    assert (await store.query("SELECT 1")).rows == [[1]]


async def test_a_greedy_workspace_leaves_a_place_to_the_others_and_capture_goes_on(store):
    greedy = [asyncio.create_task(store.query(ENDLESS, seconds=3, workspace="greedy")) for _ in range(6)]
    await asyncio.sleep(0.1)  # the time they take to fill all places that they get

    assert (await store.query("SELECT 1", workspace="healthy")).rows == [[1]]
    await store.insert("opsloop.seen", ["id"], [[str(uuid4())]])

    assert not any(task.done() for task in greedy[:2])
    for task in greedy:
        task.cancel()
    ended = await asyncio.gather(*greedy, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError | TooHeavy | StoreUnavailable) for each in ended)


async def test_who_writes_asks_and_changes_while_all_places_are_taken(store):
    taking = [asyncio.create_task(store.query(ENDLESS, seconds=5, workspace=f"w{place}")) for place in range(10)]
    await asyncio.sleep(0.1)  # the time they take to fill all places

    async with asyncio.timeout(4):
        assert (await store.query("SELECT 1")).rows == [[1]]
        await store.change("INSERT INTO opsloop.seen (id) SELECT generateUUIDv4()")

    assert not any(task.done() for task in taking)
    for task in taking:
        task.cancel()
    await asyncio.gather(*taking, return_exceptions=True)


async def test_rows_are_durable_and_the_same_token_adds_nothing(store):
    row = [["acme", str(uuid4()), "track", "a", "2026-01-01 00:00:00.000", "u1", str(uuid4()), "{}"]]
    columns = ["workspace", "id", "kind", "event", "time", "distinct_id", "person", "properties"]
    for _ in range(2):
        await store.insert("opsloop.event", columns, row, token="block-1")

    assert (await store.query("SELECT count() FROM opsloop.event")).rows == [[1]]


async def test_a_row_that_is_none_is_refused_whole(store):
    with pytest.raises(StoreUnavailable):
        await store.insert("opsloop.event", ["workspace", "id"], [["acme", str(uuid4())], ["acme", "no uuid"]])

    assert (await store.query("SELECT count() FROM opsloop.event")).rows == [[0]]
