"""Keep loops alive: what fails is logged once and started again, after pauses that grow to half a minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from opsloop_common.inbox.faults import is_transient, reason

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
TRANSIENT_PAUSE_SECONDS = 4.0
STEADY_SECONDS = 60.0  # a loop that ran this long begins again with the first pause
DRAIN_SECONDS = 20.0

log = structlog.get_logger(__name__)

Loop = Callable[[], Coroutine[Any, Any, None]]


async def supervise(name: str, loop: Loop) -> None:
    """Run `loop` for ever."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        began = time.monotonic()
        try:
            await loop()
            log.warning("loop ended by itself, starting it again", loop=name)
        except Exception as error:
            if is_transient(error):  # back soon after the database is
                pause = min(pause, TRANSIENT_PAUSE_SECONDS)
                log.warning("loop waits for the database", loop=name, pause_seconds=pause, error=reason(error))
            else:
                log.exception("loop failed, starting it again", loop=name, pause_seconds=pause)
        if time.monotonic() - began > STEADY_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


@asynccontextmanager
async def supervised(loops: Mapping[str, Loop]) -> AsyncIterator[None]:
    """Run loops for the length of the block; at its end they are cancelled and have 20 s to finish what they have in hand."""
    tasks = [asyncio.create_task(supervise(name, loop), name=name) for name, loop in loops.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            for task in stuck:
                log.warning("loop does not stop", loop=task.get_name())
