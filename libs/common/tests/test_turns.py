"""Long work in slices: others go on in between, and one piece of long work waits for another."""

from __future__ import annotations

import asyncio
import time

import pytest

from opsloop_common.limits import LOOP_BREATH_SECONDS, LOOP_SLICE_SECONDS
from opsloop_common.turns import breathing, in_turns, turn


def busy_for(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def test_others_go_on_between_slices():
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    done = await in_turns(lambda item: time.sleep(LOOP_SLICE_SECONDS) or item, range(10), workspace="acme")  # type: ignore[func-returns-value]
    ticking.cancel()

    assert done == list(range(10))
    assert ticks >= 10


async def test_only_one_piece_of_long_work_at_a_time():
    slices: list[str] = []

    async def long(name: str) -> None:
        await in_turns(lambda _: slices.append(name) or time.sleep(LOOP_SLICE_SECONDS), range(3), workspace="acme")  # type: ignore[func-returns-value]

    passes = 0

    async def count_passes() -> None:
        nonlocal passes
        while len(slices) < 6:
            passes += 1
            await asyncio.sleep(0)

    await asyncio.gather(long("a"), long("b"), count_passes())

    assert sorted(slices) == ["a"] * 3 + ["b"] * 3
    assert passes >= 6  # two slices in one pass of the loop would keep others waiting twice as long


async def test_work_that_fails_gives_its_turn_back():
    with pytest.raises(ZeroDivisionError):
        await in_turns(lambda item: 1 / item, [0], workspace="acme")

    async with asyncio.timeout(1), turn("acme"):
        pass


async def test_work_that_breathes_lets_others_go_on_and_waits_for_no_turn():
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    async with turn("acme"), asyncio.timeout(5):
        done = await breathing(lambda item: time.sleep(LOOP_BREATH_SECONDS) or item, range(10))  # type: ignore[func-returns-value]
    ticking.cancel()

    assert done == list(range(10))
    assert ticks >= 10


async def test_of_many_that_breathe_one_goes_on_in_each_pass_and_all_come_round():
    went_on: list[str] = []
    in_a_pass: list[int] = []

    async def breathe(name: str) -> None:
        await breathing(lambda _: went_on.append(name) or time.sleep(LOOP_BREATH_SECONDS), range(4))  # type: ignore[func-returns-value]

    async def watch() -> None:
        while True:
            before = len(went_on)
            await asyncio.sleep(0)
            in_a_pass.append(len(went_on) - before)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*map(breathe, "abc"))
    watching.cancel()

    assert sorted(went_on) == sorted("abc" * 4)
    assert went_on[3:] == ["a", "b", "c"] * 3
    assert max(in_a_pass[2:]) == 1


async def test_one_that_is_cancelled_while_it_waits_to_go_on_holds_nobody_up():
    def work(_: int) -> None:
        time.sleep(LOOP_BREATH_SECONDS)  # the work

    waiting = [asyncio.create_task(breathing(work, range(2))) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()

    done = await asyncio.gather(*waiting, return_exceptions=True)

    assert [isinstance(each, asyncio.CancelledError) for each in done] == [True, False, False]


async def test_of_those_that_wait_the_workspace_that_had_least_goes_first():
    order: list[str] = []

    def slow(workspace: str) -> None:
        order.append(workspace)
        busy_for(LOOP_SLICE_SECONDS)

    greedy = [asyncio.create_task(in_turns(slow, ["greedy"] * 30, workspace="greedy")) for _ in range(3)]
    for _ in range(20):
        await asyncio.sleep(0)
    before = len(order)
    await in_turns(slow, ["light"] * 6, workspace="light")

    assert order[before:].count("greedy") <= 7, "one of theirs goes between two of its own, however many wait"
    await asyncio.gather(*greedy)


async def test_what_is_short_waits_for_no_turn():
    async with turn("greedy"), asyncio.timeout(1):
        assert await in_turns(str, range(3), workspace="light") == ["0", "1", "2"]
