"""One deadline for all of a request's waits: it passes once, and its clock stands for what may last by right."""

from __future__ import annotations

import asyncio
import time

import pytest

from opsloop_common.deadline import Late, stopped, within
from opsloop_common.turns import turn

LONG = 5.0


async def test_waits_that_each_are_in_time_are_late_together():
    waited = 0
    began = time.monotonic()
    with pytest.raises(Late):
        async with within(0.2):
            while True:
                async with asyncio.timeout(0.15):
                    await asyncio.sleep(0.08)  # a statement
                waited += 1

    assert waited == 2
    assert time.monotonic() - began < 1.0


async def test_a_time_out_of_something_within_stays_what_it_was():
    with pytest.raises(TimeoutError) as caught:
        async with within(LONG):
            async with asyncio.timeout(0.05):
                await asyncio.sleep(LONG)  # ended by its own

    assert not isinstance(caught.value, Late)


async def test_who_is_cancelled_is_not_late():
    async def work():
        async with within(LONG):
            await asyncio.sleep(LONG)  # ended from outside

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()


async def test_the_clock_stands_and_goes_on_with_what_was_left():
    began = time.monotonic()
    with pytest.raises(Late):
        async with within(0.2):
            with stopped(), stopped():
                await asyncio.sleep(0.4)  # longer than the whole
            await asyncio.sleep(0.1)  # a part
            await asyncio.sleep(LONG)  # ended by the deadline

    assert 0.5 < time.monotonic() - began < 1.5


async def test_a_turn_at_the_loop_takes_nothing():
    async def long_work():
        async with turn("acme"):
            await asyncio.sleep(0.3)  # longer than the deadline of who waits for this turn

    other = asyncio.create_task(long_work())
    await asyncio.sleep(0)
    async with within(0.1), turn("acme"):
        pass
    await other


async def test_without_a_deadline_nothing_stops():
    with stopped():
        await asyncio.sleep(0)
    async with within(LONG):
        pass
    with stopped():  # nor after one
        await asyncio.sleep(0)


async def test_a_task_that_outlives_the_request_may_stop_a_clock_that_is_over():
    async def later():
        with stopped():
            over.set()
            await ended.wait()
        async with turn("acme"):
            return "done"

    over, ended = asyncio.Event(), asyncio.Event()
    async with within(LONG):
        task = asyncio.create_task(later())
        await over.wait()
    ended.set()

    assert await task == "done"


async def hold(seconds):
    with stopped():
        await asyncio.sleep(seconds)  # what may last


@pytest.mark.parametrize("holders", [(0.05, 0.5), (0.5, 0.05), (0.3, 0.4, 0.5)])
async def test_the_clock_stands_until_the_last_who_holds_it(holders):
    async with within(0.2):
        await asyncio.gather(*map(hold, holders))


async def test_it_goes_on_with_what_was_left_when_the_first_stopped_it():
    began = time.monotonic()
    with pytest.raises(Late):
        async with within(0.3):
            await asyncio.sleep(0.2)  # a part
            await asyncio.gather(hold(0.2), hold(0.4))
            await asyncio.sleep(LONG)  # ended by the deadline

    assert 0.65 < time.monotonic() - began < 1.5
