"""Long work in the loop, in slices: between them every request and probe goes on.

A thread would not help, since threads share one interpreter lock, and a process would cost a copy of the data and of us. One
piece of long work at a time: six with slices of 2 ms each would still keep the others waiting for 12. Whose it is, is decided
anew before each slice: of the workspaces that wait, the one that had least lately goes first.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakKeyDictionary

from opsloop_common.deadline import stopped
from opsloop_common.gate import Gate
from opsloop_common.limits import LOOP_BREATH_SECONDS, LOOP_SLICE_SECONDS
from opsloop_common.shares import Places

QUICK_BYTES = 64 * 1024
"""Reading or hashing less takes no slice."""
QUICK_SECONDS = 0.000_2
"""What takes no longer is done at once."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

PASSES = 3
"""Of the loop between two slices: a small request needs a dozen from its first byte to its answer, and most of them are short."""

_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, Gate] = WeakKeyDictionary()
"""One per event loop: what the work holds up is the loop, whichever services live in it."""


@asynccontextmanager
async def turn(workspace: str) -> AsyncIterator[None]:
    """Wait until no other long work is at it; the block is one slice and must not wait for anything."""
    with stopped():
        async with _gates.setdefault(asyncio.get_running_loop(), Gate(Places(1, kept=0))).place(workspace):
            yield
            for _ in range(PASSES):
                await asyncio.sleep(0)  # with the place: else the next one's slice would follow in the same pass


async def in_turns(work: Callable[[ItemT], ResultT], items: Iterable[ItemT], *, workspace: str) -> list[ResultT]:
    """Return `work` of each item, in their order, and let the loop go on every few milliseconds; what is short waits for no turn."""
    results: list[ResultT] = []
    rest = iter(items)
    if _slice(work, rest, results, QUICK_SECONDS):
        return results
    while True:
        async with turn(workspace):
            if _slice(work, rest, results, LOOP_SLICE_SECONDS):
                return results


def _slice(work: Callable[[ItemT], ResultT], rest: Iterator[ItemT], results: list[ResultT], seconds: float) -> bool:
    """Go on for so long; says whether nothing is left."""
    until = time.perf_counter() + seconds
    for item in rest:
        results.append(work(item))
        if time.perf_counter() > until:
            return False
    return True


async def breathing(work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
    """Return `work` of each item, in their order, and let the loop go on every 2 ms without waiting for a turn.

    For work inside a transaction: who waits there holds a connection and locks that others wait for. What may be done before
    it begins goes `in_turns`. Of many that breathe at once one goes on in each pass of the loop, so that everybody else waits
    for 2 ms, not for 2 ms of each.
    """
    breaths = _breaths.setdefault(asyncio.get_running_loop(), _Breaths())
    results: list[ResultT] = []
    until = time.perf_counter() + LOOP_BREATH_SECONDS
    for item in items:
        results.append(work(item))
        if time.perf_counter() > until:
            await breaths.wait()
            until = time.perf_counter() + LOOP_BREATH_SECONDS
    return results


class _Breaths:
    """Lets those that wait here go on one after the other, one in each pass of the loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[None] = loop.create_future()
        self._waiting.append(mine)
        if len(self._waiting) == 1:
            loop.call_soon(self._next, loop)
        await mine

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        first = self._waiting[0]
        if not first.done():  # else it was cancelled
            first.set_result(None)
        self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._next, loop)


_breaths: WeakKeyDictionary[asyncio.AbstractEventLoop, _Breaths] = WeakKeyDictionary()
