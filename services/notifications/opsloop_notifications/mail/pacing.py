"""So many mails a second and no more, evenly, with a second's worth at once after a rest."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """A token bucket; `rate` None: there is none."""

    def __init__(self, rate: float | None) -> None:
        self._seconds = 0.0 if rate is None else 1 / rate
        self._burst_seconds = max(1.0, self._seconds)
        self._next = 0.0

    async def wait(self) -> None:
        """Wait for a place; those who ask go one after the other."""
        if not self._seconds:
            return
        now = time.monotonic()
        self._next = max(self._next, now - self._burst_seconds + self._seconds) + self._seconds
        if (seconds := self._next - self._seconds - now) > 0:
            await asyncio.sleep(seconds)
