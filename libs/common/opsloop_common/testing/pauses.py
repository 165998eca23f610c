"""For how long the event loop does one thing: what everybody else in the process waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


@dataclass
class Pauses:
    """The longest time of the processor that one pass of the loop took, in seconds: other processes' load does not count."""

    longest: float = 0.0


@asynccontextmanager
async def pauses_watched() -> AsyncIterator[Pauses]:
    """Watch the loop for the length of the block."""
    pauses = Pauses()

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            pauses.longest = max(pauses.longest, time.thread_time() - began)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield pauses
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
