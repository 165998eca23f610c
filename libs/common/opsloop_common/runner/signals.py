"""SIGINT (Ctrl-C) and SIGTERM: the first one stops in order, a Ctrl-C after it leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)


def leave(number: int) -> None:
    """Unwind everything and end with the status that shells give for a signal."""
    raise SystemExit(128 + number)


class Signals:
    """What the next signal does: `first`; after it a SIGINT does `last` and ends this process, whatever it is at.

    A SIGTERM after it does nothing: process managers repeat theirs, and mean what they said the first time.
    Whoever ends so leaves what `kill -9` leaves, which the next start mends.
    """

    def __init__(self, *, last: Callable[[], object] = lambda: None) -> None:
        self.first: Callable[[int], object] = leave
        self._last = last
        self._were_told = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        if self._were_told and number == signal.SIGTERM:
            return
        if self._were_told:
            try:
                self._last()
            finally:
                os._exit(128 + number)
        self._were_told = True
        self.first(number)

    @contextmanager
    def heeded(self) -> Iterator[Signals]:
        """Take the signals for the length of the block; in the main thread only."""
        before = {number: signal.signal(number, self) for number in STOPPING}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def setting(self, stop: asyncio.Event) -> Iterator[None]:
        """For the length of the block, let the first signal set an event of the running loop."""
        loop = asyncio.get_running_loop()
        self.first = lambda _: loop.call_soon_threadsafe(stop.set)
        try:
            yield
        finally:
            self.first = leave
