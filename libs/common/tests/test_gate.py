"""A gate before few places: first come first served, but whoever kept others waiting least goes first."""

from __future__ import annotations

import asyncio

import pytest

from opsloop_common.gate import Gate
from opsloop_common.shares import Places


class Door:
    """One place, and who came through, in their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gate = Gate(Places(1, kept=0, clock=lambda: self.now))
        self.came: list[str] = []

    async def go(self, workspace: str, *, seconds: float = 1.0) -> None:
        async with self.gate.place(workspace):
            self.came.append(workspace)
            self.now += seconds

    def send(self, workspace: str) -> asyncio.Task[None]:
        return asyncio.create_task(self.go(workspace))


@pytest.fixture
def door() -> Door:
    return Door()


async def test_a_free_place_is_taken_at_once(door):
    for _ in range(3):
        await door.go("a")

    assert door.came == ["a"] * 3


async def test_those_that_wait_go_by_what_they_held_and_their_own_in_order(door):
    await door.go("greedy", seconds=9.0)
    async with door.gate.place("other"):
        going = [door.send(one) for one in ("greedy", "greedy", "light", "greedy", "light")]
        await asyncio.sleep(0)
        assert door.came == ["greedy"], "nobody passes whoever holds the place"
    await asyncio.gather(*going)

    assert door.came == ["greedy", "light", "light", "greedy", "greedy", "greedy"]


async def test_whoever_goes_away_leaves_no_place_taken(door):
    async with door.gate.place("first"):
        waits, given = door.send("gone"), door.send("last")
        await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
    await given
    await door.go("next")

    assert door.came == ["last", "next"]


async def test_whoever_goes_in_the_moment_of_its_turn_gives_it_on(door):
    async with door.gate.place("first"):
        waits = door.send("gone")
        await asyncio.sleep(0)
    waits.cancel()  # the place is given, and nobody has gone on with it yet
    with pytest.raises(asyncio.CancelledError):
        await waits
    async with asyncio.timeout(1):
        await door.go("next")

    assert door.came == ["next"]


async def test_what_fails_inside_leaves_no_place_taken(door):
    with pytest.raises(ZeroDivisionError):
        async with door.gate.place("fails"):
            _ = 1 / 0
    async with asyncio.timeout(1):
        await door.go("next")

    assert door.came == ["next"]
