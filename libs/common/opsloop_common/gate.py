"""A gate before few places: who may hold one now, and of those that wait, who goes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opsloop_common.shares import Places


class Gate:
    """Gives places by turns: of those that wait, whoever kept others waiting least goes first."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def place(self, workspace: str) -> AsyncIterator[None]:
        """Hold a place for the length of the block."""
        if any(waiting == workspace for waiting, _ in self._waiting) or not self._places.has_room(workspace):
            await self._wait(workspace)
        else:
            self._places.enter(workspace)
        try:
            yield
        finally:
            self._leave(workspace)

    async def _wait(self, workspace: str) -> None:
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((workspace, given))
        try:
            await given
        except asyncio.CancelledError:
            if given.cancelled():
                self._waiting = [each for each in self._waiting if each[1] is not given]
            else:  # given in the moment in which waiting ended
                self._leave(workspace)
            raise

    def _leave(self, workspace: str) -> None:
        self._places.leave(workspace)
        while (found := self._next()) is not None:
            self._waiting.remove(found)
            if not found[1].done():
                self._places.enter(found[0])
                found[1].set_result(None)

    def _next(self) -> tuple[str, asyncio.Future[None]] | None:
        among = [each for each in self._waiting if self._places.has_room(each[0])]
        return min(among, key=lambda each: self._places.burden(each[0]), default=None)
