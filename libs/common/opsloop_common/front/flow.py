"""What many connections do a few at a time, so that others come between, and reading as one of these things."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

from opsloop_common import limits


class InTurn:
    """Does a few of the things that wait in each turn of the loop, those that came first before the others."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
        """Do it when its turn comes."""
        self._waiting.append(act)
        if len(self._waiting) == 1:
            loop.call_soon(self._do_some, loop)

    def _do_some(self, loop: asyncio.AbstractEventLoop) -> None:
        some = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
        if self._waiting:
            loop.call_soon(self._do_some, loop)
        for act in some:
            act()


class Flow(FlowControl):
    """uvicorn's, for one connection; after a large read others are read first: one turn read 96 MiB of 60 peers before."""

    def came(self, size: int, loop: asyncio.AbstractEventLoop, reads: InTurn) -> None:
        """Wait for a turn to read on, if that was a large piece."""
        if size >= limits.LARGE_READ_BYTES and not self.read_paused:
            self._transport.pause_reading()
            reads.add(loop, self._read_on)

    def _read_on(self) -> None:
        if not self.read_paused and not self._transport.is_closing():
            self._transport.resume_reading()
