"""Wake what waits for new rows, after the commit that made them visible. A wake-up is a hint; a poll stands behind each.

`forwarding` carries them to the service's other processes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

OUTBOX = "outbox"
DUE = "due"


class Wakeups:
    """Named wake-ups of one service in one process; `forward` carries them to its other processes when there are some."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.forward: Callable[[str], None] | None = None
        self.takers: dict[str, Any] = {}
        """By queue: the loop in this process, if any, that takes work over from the transaction that makes it."""
        self.is_stopping = False
        """The process ends: who waits for as long as it lives waits no longer."""

    def stop(self) -> None:
        """Say that the process ends, and wake everybody in it."""
        self.is_stopping = True
        for name in list(self._waiting):
            self.fire_here(name)

    def fire(self, name: str) -> None:
        """Wake everybody who waits for `name`, here and (coalesced) in the service's other processes."""
        self.fire_here(name)
        if self.forward is not None:
            self.forward(name)

    def fire_here(self, name: str) -> None:
        """Wake everybody in this process who waits for `name`."""
        for waiting in self._waiting[name]:
            waiting.set()

    def subscribe(self, name: str) -> asyncio.Event:
        """Return an event that is set at each wake-up; its owner clears it before looking for rows."""
        waiting = asyncio.Event()
        self._waiting[name].add(waiting)
        return waiting

    def unsubscribe(self, name: str, waiting: asyncio.Event) -> None:
        """Forget an event from `subscribe`."""
        self._waiting[name].discard(waiting)


async def wait(waiting: asyncio.Event, timeout: float) -> bool:
    """Wait until `waiting` is set or `timeout` seconds have passed, and clear it; says whether it was set."""
    try:
        async with asyncio.timeout(timeout):
            return await waiting.wait()
    except TimeoutError:
        return False
    finally:
        waiting.clear()
