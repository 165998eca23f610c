"""Whose query runs now: places are few, and one workspace's queries, however many and long, leave one to the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opsloop_common.shares import Places
from opsloop_metrics.store.port import StoreUnavailable

WAIT_SECONDS = 10.0


class Gate:
    """Gives places by turns: of those that wait, whoever kept others waiting least goes first."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def place(self, workspace: str) -> AsyncIterator[None]:
        """Hold a place for the length of the block; raises StoreUnavailable when none gets free in time."""
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
            async with asyncio.timeout(WAIT_SECONDS):
                await given
        except (TimeoutError, asyncio.CancelledError) as error:
            if not given.cancelled():  # given in the moment in which waiting ended
                self._leave(workspace)
            self._waiting = [each for each in self._waiting if each[1] is not given]
            if isinstance(error, TimeoutError):
                raise StoreUnavailable(
                    "Too many queries of this workspace are running; try again.", headers={"Retry-After": "1"}
                ) from error
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
