"""Enter several context managers one after the other, each in a task of its own, and leave them all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any


@asynccontextmanager
async def together(*managers: AbstractAsyncContextManager[Any]) -> AsyncIterator[None]:
    """Enter each in turn, leave all at the same time: parts that drain for up to 20 s each end within 20 s, not within their sum.

    What fails to start ends the others and is raised. Each is entered and left by the same task.
    """
    leaving = asyncio.Event()
    entered = [asyncio.Event() for _ in managers]

    async def hold(manager: AbstractAsyncContextManager[Any], is_in: asyncio.Event) -> None:
        async with manager:
            is_in.set()
            await leaving.wait()

    tasks: list[asyncio.Task[None]] = []
    try:
        for manager, is_in in zip(managers, entered, strict=True):
            task = asyncio.create_task(hold(manager, is_in))
            tasks.append(task)
            waiting = asyncio.create_task(is_in.wait())
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not is_in.is_set():
                task.result()
        yield
    finally:
        leaving.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
