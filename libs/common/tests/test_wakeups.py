"""Who waits is woken by name, and all are woken when the process ends."""

import asyncio

from opsloop_common.wakeups import Wakeups, wait


async def test_a_name_wakes_those_who_wait_for_it():
    wakeups = Wakeups()
    first, second, other = wakeups.subscribe("a"), wakeups.subscribe("a"), wakeups.subscribe("b")

    wakeups.fire("a")

    assert [await wait(event, 0.01) for event in (first, second, other)] == [True, True, False]
    assert not first.is_set()
    wakeups.unsubscribe("a", first)
    wakeups.fire("a")
    assert (first.is_set(), second.is_set()) == (False, True)


async def test_what_is_fired_is_carried_on_and_what_is_heard_is_not():
    wakeups, carried = Wakeups(), []
    wakeups.forward = carried.append

    wakeups.fire("a")
    wakeups.fire_here("b")

    assert carried == ["a"]


async def test_all_are_woken_when_the_process_ends():
    wakeups, carried = Wakeups(), []
    wakeups.forward = carried.append
    waiting = [asyncio.create_task(wait(wakeups.subscribe(name), 10)) for name in ("a", "b")]
    await asyncio.sleep(0)

    wakeups.stop()

    assert await asyncio.gather(*waiting) == [True, True]
    assert (wakeups.is_stopping, carried) == (True, [])


async def test_all_that_happens_before_one_looks_wakes_them_once():
    wakeups = Wakeups()
    event = wakeups.subscribe("a")

    for _ in range(3):
        wakeups.fire("a")

    assert [await wait(event, 0.01) for _ in range(2)] == [True, False]
