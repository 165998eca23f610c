"""Workspaces that ask for much hold few connections together; one that asks for little finds one at once; nobody waits for ever."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from opsloop_common.db import Context
from opsloop_common.errors import Unavailable
from opsloop_common.faults import is_unanswered
from opsloop_common.http import shares as module
from opsloop_common.http.shares import Shares
from opsloop_common.limits import HEAVY_CONNECTIONS, HEAVY_READS, LIGHT_REQUESTS, REQUEST_CONNECTIONS
from opsloop_common.shares import MEMORY_SECONDS, Usage
from opsloop_common.testing.sample.service import SAMPLE

BUSY = max(HEAVY_CONNECTIONS, LIGHT_REQUESTS)  # what one workspace gets that asks for more


class Time:
    """A clock that is told what time it is."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def shares(time):
    return Shares(time)


@pytest.fixture
async def crowd(shares):
    """Begin requests that enter and then stay; those that wait are ended with the test."""
    begun = []

    async def begin(*workspaces):
        entering = [asyncio.create_task(shares.enter(workspace)) for workspace in workspaces]
        begun.extend(entering)
        await asyncio.sleep(0)
        return entering

    yield begin
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


def held(shares):
    return sum(shares._held.values())


async def test_others_enter_while_one_workspace_waits_and_nobody_is_remembered(shares, crowd):
    await crowd(*["busy"] * BUSY)
    waiting, gone = await crowd("busy", "busy")

    await shares.enter("other")
    assert not waiting.done()
    gone.cancel()
    shares.leave("busy")
    await waiting
    for _ in range(BUSY):
        shares.leave("busy")
    shares.leave("other")

    assert len(shares) == 0


async def test_waiting_has_an_end(shares, crowd, monkeypatch):
    monkeypatch.setattr(module, "SHARE_SECONDS", 0.01)
    await crowd(*["busy"] * BUSY)

    with pytest.raises(Unavailable) as refused:
        await shares.enter("busy")

    assert refused.value.headers == {"Retry-After": "1"}


async def test_ten_that_ask_for_much_leave_the_rest_to_one_that_asks_for_little(shares, time, crowd):
    greedy = [f"greedy-{n}" for n in range(10)]
    await crowd(*greedy * 8)
    for _ in range(REQUEST_CONNECTIONS):  # what found a place before anybody was known to be heavy goes on to its end
        time.now += 0.5
        for one in greedy:
            while shares.held(one) and held(shares) > HEAVY_CONNECTIONS:
                shares.leave(one)

    together = held(shares)
    entered = await crowd(*["healthy"] * LIGHT_REQUESTS)

    assert together == HEAVY_CONNECTIONS
    assert all(task.done() for task in entered)


async def test_the_heavy_take_turns_by_what_they_were_served(shares, time, crowd):
    await crowd(*["large"] * 20, *["small"] * 4)
    order = []
    for _ in range(8):
        time.now += 1
        for one in ("large", "small"):
            for _ in range(shares.held(one)):
                order.append(one)
                shares.leave(one)
        await asyncio.sleep(0)

    assert order[:6].count("small") >= 2  # not behind all of the other's


async def test_the_heavy_hold_fewer_places_for_reading(shares, time):
    await shares.enter("busy")
    time.now += MEMORY_SECONDS
    shares.leave("busy")
    entering = [asyncio.create_task(shares.enter("busy", reads=True)) for _ in range(LIGHT_REQUESTS + 5)]
    writing = [asyncio.create_task(shares.enter("busy")) for _ in range(HEAVY_CONNECTIONS)]
    await asyncio.sleep(0)

    assert sum(task.done() for task in entering) == HEAVY_READS
    assert sum(task.done() for task in writing) == HEAVY_CONNECTIONS - HEAVY_READS
    for task in entering + writing:
        task.cancel()
    await asyncio.gather(*entering, *writing, return_exceptions=True)


async def test_a_light_one_goes_before_all_that_wait(shares, time, crowd):
    light = [f"light-{n}" for n in range(REQUEST_CONNECTIONS)]
    await crowd(*light)  # all places are taken
    await crowd(*["heavy"] * 5)
    (last,) = await crowd("last")
    time.now += 0.1

    shares.leave("light-0")
    await asyncio.sleep(0)

    assert last.done()
    assert shares.held("heavy") == 0


async def test_who_asks_one_after_the_other_for_long_is_heavy_and_light_again_later(shares, time):
    await shares.enter("busy")
    time.now += MEMORY_SECONDS
    assert not shares.is_light("busy")

    shares.leave("busy")
    time.now += MEMORY_SECONDS
    assert shares.is_light("busy")


async def test_who_is_slow_because_of_the_others_stays_light(shares, time, crowd):
    """Its requests take a second each: it has one here all the time, and they have eight."""
    await crowd(*[f"greedy-{n}" for n in range(10)] * 8)
    await crowd("healthy")
    time.now += MEMORY_SECONDS

    assert shares.is_light("healthy")
    assert not shares.is_light("greedy-0")


async def test_a_place_given_in_the_moment_in_which_waiting_ends_is_given_on(shares, crowd):
    await crowd(*["busy"] * BUSY)
    first, second = await crowd("busy", "busy")

    shares.leave("busy")
    first.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert second.done()
    assert shares.held("busy") == BUSY


def test_the_mean_is_over_all_who_held_anything_lately(time):
    usage = Usage(time)
    for _ in range(4):
        usage.enter("acme")
    usage.enter("other")
    usage.leave("other")
    time.now = MEMORY_SECONDS

    assert usage.mean() == pytest.approx(2)


async def test_requests_of_one_workspace_leave_connections_to_others(api, monkeypatch):
    monkeypatch.setattr(module, "SHARE_SECONDS", 0.5)
    sample = await api(SAMPLE)
    busy = await sample.key("sample:read", "sample:write", workspace="busy")
    other = await sample.key("sample:read", workspace="other")
    for headers in (busy, other):
        assert (await sample.client.get("/v1/notes", headers=headers)).status_code == 200

    async with sample.db.engine.connect() as locker:
        await locker.execute(text("LOCK TABLE note IN EXCLUSIVE MODE"))
        posts = [
            asyncio.create_task(sample.client.post("/v1/notes", json={"text": "x"}, headers=busy)) for _ in range(20)
        ]
        refused = [await next(asyncio.as_completed(posts)) for _ in range(1)]
        held = sample.db.engine.pool.checkedout()
        served = await sample.client.get("/v1/notes", headers=other)
    answers = await asyncio.gather(*posts)

    assert held == BUSY + 1
    assert served.status_code == 200
    assert refused[0].status_code == 503
    assert refused[0].json()["detail"] == "Too much of this workspace is going on; try again."
    assert sorted({answer.status_code for answer in answers}) == [201, 503]
    again = await sample.client.post("/v1/notes", json={"text": "x"}, headers=busy)
    assert again.status_code == 201


async def test_a_read_that_takes_too_long_is_told_by_what_to_narrow_it(api):
    sample = await api(SAMPLE)
    headers = await sample.key("sample:read", workspace="busy")
    assert (await sample.client.get("/v1/notes", headers=headers)).status_code == 200
    sample.db.read_seconds = 0.2

    async with sample.db.engine.connect() as locker:
        await locker.execute(text("LOCK TABLE note IN ACCESS EXCLUSIVE MODE"))
        answer = await sample.client.get("/v1/notes", headers=headers)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    detail = answer.json()["detail"]
    assert detail.startswith("This took the database too long; narrow it by ")
    assert "limit" in detail
    assert "cursor" not in detail


async def test_reads_have_less_time_than_what_changes_something(api):
    sample = await api(SAMPLE)
    context = Context(workspace="acme")

    async def time_out(session) -> str:
        async with session, session.begin():
            return str(await session.scalar(text("SHOW statement_timeout")))

    assert await time_out(sample.db.reading(context)) == "2s"
    assert await time_out(sample.db.session(context)) == "4s"


async def test_who_waits_for_a_database_that_does_not_answer_is_told_so_at_once(shares, crowd):
    await crowd(*["busy"] * BUSY)
    waiting = [asyncio.create_task(shares.enter("busy")) for _ in range(3)]
    await asyncio.sleep(0)

    shares.refuse_waiting()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    for _ in range(BUSY):
        shares.leave("busy")

    assert [type(each) for each in told] == [Unavailable] * 3
    assert len(shares) == 0
    await asyncio.wait_for(shares.enter("busy"), 1)


@pytest.mark.parametrize(
    ("error", "unanswered"),
    [
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (PoolTimeout(), False),
        (DBAPIError("", None, asyncpg.ConnectionDoesNotExistError("gone")), True),
        (DBAPIError("", None, asyncpg.QueryCanceledError("statement timeout")), False),
        (DBAPIError("", None, asyncpg.LockNotAvailableError("lock")), False),
        (FileNotFoundError(2, "No such file or directory", "/nowhere"), False),
        (ValueError(), False),
    ],
)
def test_what_took_too_long_by_itself_says_nothing_of_the_database(error, unanswered):
    assert is_unanswered(error) is unanswered
