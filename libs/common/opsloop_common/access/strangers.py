"""What credentials that nobody here knows may cost: few look-ups at once, few misses an address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from opsloop_common.access.addresses import counted_as
from opsloop_common.access.buckets import Buckets
from opsloop_common.errors import TooManyRequests
from opsloop_common.limits import (
    STRANGER_ADDRESSES,
    STRANGER_MISSES_AT_ONCE,
    STRANGER_MISSES_PER_SECOND,
    STRANGERS_AT_ONCE,
    STRANGERS_WAITING,
)


class Strangers:
    """Lets few look-ups of unknown credentials reach the database, so that a guesser holds up nobody who is known."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._slots = asyncio.Semaphore(STRANGERS_AT_ONCE)
        self._waiting = 0
        self._misses = Buckets(STRANGER_MISSES_PER_SECOND, STRANGER_MISSES_AT_ONCE, kept=STRANGER_ADDRESSES)

    @asynccontextmanager
    async def asking(self, address: str) -> AsyncIterator[None]:
        """Hold one of the look-ups; raises TooManyRequests (429) for an address that guesses, or when too many wait."""
        left = self._misses.left(counted_as(address), self._monotonic())
        if left < 1.0 or self._waiting >= STRANGERS_WAITING:
            raise TooManyRequests(
                "Too many credentials that are not known here were sent; known ones are let in.",
                headers={"Retry-After": str(self._misses.seconds_until_one(left))},
            )
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    def missed(self, address: str) -> None:
        """Count a credential that was looked up for nothing."""
        now, counted = self._monotonic(), counted_as(address)
        self._misses.take(counted, self._misses.left(counted, now), now)
