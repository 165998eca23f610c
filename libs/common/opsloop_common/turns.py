"""Long work in the loop, in slices: between them every request and probe goes on.

A thread would not help, since threads share one interpreter lock, and a process would cost a copy of the data and of us. One
piece of long work at a time: six with slices of 4 ms each would still keep the others waiting for 24.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakKeyDictionary

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
    it begins goes `in_turns`.
    """
    results: list[ResultT] = []
    until = time.perf_counter() + LOOP_BREATH_SECONDS
    for item in items:
        results.append(work(item))
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + LOOP_BREATH_SECONDS
    return results
