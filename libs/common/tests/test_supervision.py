"""Loops that run for ever, and faults that pass."""

from __future__ import annotations

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import TimeoutError as PoolTimeout

from opsloop_common import supervision
from opsloop_common.bus.local import LocalBus
from opsloop_common.runner.worker import run_worker
from opsloop_common.supervision import LoopMeter, Pauses, patiently, supervise, supervised
from opsloop_common.testing.sample.service import SAMPLE

AT_ONCE = Pauses(first=0.001, longest=0.001)


def shown(registry, name, loop="sample"):
    return registry.get_sample_value(name, {"loop": loop})


async def until(is_so):
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 metrics and buses have no event for it
            await asyncio.sleep(0.01)


async def for_ever():
    await asyncio.Event().wait()


def failing(times, then, error=RuntimeError):
    left = [times]

    async def loop():
        if left[0]:
            left[0] -= 1
            raise error("no")
        await then()

    return loop


@pytest.mark.parametrize(
    ("failures", "passing", "seconds"), [(1, False, 0.5), (2, False, 1), (5, False, 8), (99, False, 30), (99, True, 4)]
)
def test_pauses_grow_up_to_a_limit(failures, passing, seconds):
    assert Pauses().after(failures, passing=passing) == seconds


async def test_restarts_are_counted_by_name_and_who_stands_still_is_shown():
    registry = CollectorRegistry()
    steady = asyncio.Event()
    meter = LoopMeter(registry)

    async def then():
        steady.set()
        await for_ever()

    async with supervised({"sample": failing(3, then), "calm": for_ever}, pauses=AT_ONCE, meter=meter):
        await asyncio.wait_for(steady.wait(), 10)
        assert shown(registry, "opsloop_loop_restarts_total") == 3
        assert shown(registry, "opsloop_loop_restarts_total", "calm") == 0
        assert shown(registry, "opsloop_loop_down") == 0
    async with supervised({"sample": failing(1, for_ever)}, pauses=Pauses(first=60), meter=meter):
        await until(lambda: shown(registry, "opsloop_loop_down"))


async def test_a_loop_that_ends_by_itself_is_started_again():
    runs, enough = [], asyncio.Event()

    async def loop():
        runs.append(1)
        if len(runs) == 3:
            enough.set()
            await for_ever()

    async with supervised({"sample": loop}, pauses=AT_ONCE):
        await asyncio.wait_for(enough.wait(), 10)


async def test_one_that_is_to_stop_finishes_what_it_has_in_hand_and_is_not_started_again():
    stop, runs = asyncio.Event(), []

    async def loop():
        runs.append("began")
        await stop.wait()
        runs.append("finished")

    task = asyncio.create_task(supervise("sample", loop, stop=stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(task, 10)

    assert runs == ["began", "finished"]


async def test_one_that_is_to_stop_does_not_wait_for_the_end_of_its_pause():
    stop, faults = asyncio.Event(), []

    def fault(error):
        faults.append(str(error))
        stop.set()

    loop = failing(5, for_ever)
    await asyncio.wait_for(supervise("sample", loop, stop=stop, pauses=Pauses(first=60), on_failure=fault), 10)

    assert faults == ["no"]


def test_trouble_is_told_when_it_lasts(monkeypatch):
    """A fault that passes makes nobody unready; one that comes again and again for a minute does."""
    now = [0.0]
    monkeypatch.setattr(supervision.time, "monotonic", lambda: now[0])
    meter = LoopMeter(CollectorRegistry())

    def after(seconds):
        now[0] += seconds
        meter.failed("sample")
        return meter.in_trouble()

    assert [after(s) for s in (0, 30, 29)] == [[], [], []]
    assert after(1) == ["sample"]
    now[0] += 61
    assert meter.in_trouble() == [], "it has run since"
    assert after(0) == [], "and this is a new one"


async def test_a_worker_in_trouble_is_degraded_and_says_why(api, monkeypatch):
    sample = await api(SAMPLE)
    sample.runtime.bus = LocalBus({SAMPLE.name: sample.db})
    meter = sample.db.meters.of(LoopMeter)

    async with run_worker(sample.runtime):
        await until(lambda: sample.runtime.bus.problem() is None)
        now = time.monotonic()
        with monkeypatch.context() as told:
            for seconds_ago in (60, 30, 0):
                told.setattr(supervision.time, "monotonic", lambda ago=seconds_ago: now - ago)
                meter.failed("sample recurring")
        answer = await sample.client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["loops"] == "sample recurring"


async def test_what_passes_is_waited_out_and_what_does_not_is_raised():
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    tries = iter([ConnectionError(), PoolTimeout(), "done"])

    async def work():
        outcome = next(tries)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert await patiently("sample", work, sleep=sleep) == "done"
    assert pauses == [0.2, 0.4]
    tries = iter([ConnectionError(), ValueError("wrong")])
    with pytest.raises(ValueError, match="wrong"):
        await patiently("sample", work, sleep=sleep)


async def test_patience_ends_where_it_is_told_to():
    async def work():
        raise ConnectionError("away")

    with pytest.raises(ConnectionError, match="away"):
        await patiently("sample", work, pauses=AT_ONCE, for_seconds=0.05)
