"""Long work in the loop, in slices: between them every request and probe goes on.

A thread would not help, since threads share one interpreter lock, and a process would cost a copy of the data and of us. One
piece of long work at a time: six with slices of 4 ms each would still keep the others waiting for 24.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakKeyDictionary

from opsloop_common.deadline import stopped
from opsloop_common.limits import LOOP_BREATH_SECONDS, LOOP_SLICE_SECONDS

QUICK_BYTES = 64 * 1024
"""Reading or hashing less takes no slice."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""One per event loop: what the work holds up is the loop, whichever services live in it."""


@asynccontextmanager
async def turn() -> AsyncIterator[None]:
    """Wait until no other long work is at it; the block is one slice and must not wait for anything."""
    with stopped():
        async with _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            yield
            await asyncio.sleep(0)  # with the lock: else the next one's slice would follow in the same pass of the loop


async def in_turns(work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
    """Return `work` of each item, in their order, and let the loop go on every few milliseconds."""
    results: list[ResultT] = []
    rest = iter(items)
    while True:
        async with turn():
            until = time.perf_counter() + LOOP_SLICE_SECONDS
            for item in rest:
                results.append(work(item))
                if time.perf_counter() > until:
                    break
            else:
                break
    return results


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
