"""Which workspace's request gets a connection of the pool now: that of one that asks for little at once, the others in turn.

Each had four of the pool's ten for itself before: three busy ones held them all, and ten with statements of a second took
another's GET from 8 ms to seconds. What counts is how many requests of a workspace are here, also those that wait: what they
hold says little of whoever is kept waiting, and of one that is slow because of the others too much.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable

from opsloop_common.errors import Unavailable
from opsloop_common.limits import (
    HEAVY_CONNECTIONS,
    LIGHT_REQUESTS,
    LIGHT_REQUESTS_LATELY,
    LIGHT_SECONDS,
    REQUEST_CONNECTIONS,
    SHARE_SECONDS,
)
from opsloop_common.shares import Usage


class Shares:
    """The gate before the pool: first come first served within a workspace; whoever waits holds no connection."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._here = Usage(clock, memory=LIGHT_SECONDS)
        self._served = Usage(clock)
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        """Return how many workspaces hold a connection or wait for one."""
        return len(self._held.keys() | self._waiting.keys())

    async def enter(self, workspace: str) -> None:
        """Take a share, to be given back with `leave`; raises Unavailable (503) when none gets free in time."""
        self._here.enter(workspace)
        if workspace not in self._waiting and self._has_room(workspace):
            self._take(workspace)
            return
        try:
            await self._wait(workspace)
        except TimeoutError as error:
            raise Unavailable(
                "Too much of this workspace is going on; try again.", headers={"Retry-After": "1"}
            ) from error

    def leave(self, workspace: str) -> None:
        """Give a share back."""
        self._here.leave(workspace)
        self._served.leave(workspace)
        self._held[workspace] -= 1
        if not self._held[workspace]:
            del self._held[workspace]
        while (following := self._next()) is not None:
            place = self._waiting[following][0]
            self._forget(following, place)
            if not place.done():
                self._take(following)
                place.set_result(None)

    def _take(self, workspace: str) -> None:
        self._held[workspace] += 1
        self._served.enter(workspace)

    def _is_light(self, workspace: str) -> bool:
        if self._here.held(workspace) > LIGHT_REQUESTS:
            return False
        return self._here.lately(workspace) <= max(LIGHT_REQUESTS_LATELY, self._here.mean() / 2)

    def _has_room(self, workspace: str) -> bool:
        if self._held.total() >= REQUEST_CONNECTIONS:
            return False
        if self._is_light(workspace):
            return True
        return sum(held for one, held in self._held.items() if not self._is_light(one)) < HEAVY_CONNECTIONS

    def _next(self) -> str | None:
        """Return who of those that wait gets a share now: a light one, else the one that was served least lately."""
        among = filter(self._has_room, self._waiting)
        return min(among, key=lambda one: (not self._is_light(one), self._served.lately(one)), default=None)

    async def _wait(self, workspace: str) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace, deque()).append(place)
        try:
            async with asyncio.timeout(SHARE_SECONDS):
                await place
        except BaseException:
            if place.cancelled():
                self._forget(workspace, place)
                self._here.leave(workspace)
            else:  # given in the moment in which waiting ended
                self.leave(workspace)
            raise

    def _forget(self, workspace: str, place: asyncio.Future[None]) -> None:
        places = self._waiting.get(workspace, deque())
        if place in places:
            places.remove(place)
            if not places:
                del self._waiting[workspace]
