"""Parts of the runner: entering and leaving together, keeping loops alive, what an API tells of the bus."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from opsloop_common.runner.serve import events_flow
from opsloop_common.runner.together import together
from opsloop_common.supervision import Pauses, supervised
from opsloop_common.testing.sample.service import SAMPLE

HALF = 0.5


@pytest.fixture
def story():
    return []


@pytest.fixture
def part(story):
    @asynccontextmanager
    async def part(name, *, fails=False, drains=0.0):
        task = asyncio.current_task()
        if fails:
            raise OSError(name)
        story.append(f"+{name}")
        try:
            yield
        finally:
            assert asyncio.current_task() is task
            await asyncio.sleep(drains)  # how long it takes to end
            story.append(f"-{name}")

    return part


async def test_parts_start_in_order_and_drain_at_the_same_time(part, story):
    async with together(part("a", drains=HALF), part("b", drains=HALF)):
        assert story == ["+a", "+b"]
        began = time.monotonic()

    assert time.monotonic() - began < 2 * HALF
    assert sorted(story[2:]) == ["-a", "-b"]


async def test_a_part_that_cannot_start_ends_the_others(part, story):
    with pytest.raises(OSError, match="b"):
        async with together(part("a"), part("b", fails=True), part("c")):
            story.append("never")

    assert story == ["+a", "-a"]


async def test_an_error_of_the_block_is_the_one_that_is_raised(part, story):
    with pytest.raises(ZeroDivisionError):
        async with together(part("a")):
            raise ZeroDivisionError

    assert story == ["+a", "-a"]


async def test_a_loop_that_fails_is_started_again_and_finishes_what_it_has_in_hand():
    runs, steady, finished = [], asyncio.Event(), []

    async def loop():
        runs.append(len(runs))
        if len(runs) < 3:
            raise ConnectionError("not yet")
        try:
            steady.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            finished.append("in hand")
            raise

    async with supervised({"sample": loop}, pauses=Pauses(first=0.001)):
        async with asyncio.timeout(30):
            await steady.wait()

    assert runs == [0, 1, 2]
    assert finished == ["in hand"]


async def test_a_loop_that_waits_for_the_database_is_back_soon_after_it():
    began, tries, back = time.monotonic(), [], asyncio.Event()

    async def loop():
        tries.append(time.monotonic())
        if len(tries) < 12:
            raise ConnectionError("no network")
        back.set()
        await asyncio.Event().wait()

    async with supervised({"loop": loop}, pauses=Pauses(first=0.01, passing=0.02)):
        await asyncio.wait_for(back.wait(), 10)

    assert time.monotonic() - began < 2  # 10 s and more when each pause is twice the one before


@pytest.mark.parametrize(
    ("waited", "published", "status"),
    [(None, False, "ready"), (5, False, "ready"), (25, False, "ready"), (35, False, "degraded"), (3600, True, "ready")],
)
async def test_an_api_without_a_bus_is_degraded_once_an_event_has_waited(api, waited, published, status):
    sample = await api(SAMPLE)
    sample.runtime.readiness.append(lambda: events_flow(sample.runtime))
    if waited is not None:
        row = "gen_random_uuid(), 'note/1', 1, 'note.written', '{}', now() - make_interval(secs => :waited)"
        async with sample.db.transaction() as session:
            await session.execute(
                text(
                    "INSERT INTO outbox (event_id, stream, seq, type, payload, created_at, published_at) "
                    f"VALUES ({row}, CASE WHEN :published THEN now() END)"
                ),
                {"waited": waited, "published": published},
            )

    answer = await sample.client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert (answer.json()["checks"]["bus"] == "ok") is (status == "ready")
