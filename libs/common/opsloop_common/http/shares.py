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
from functools import cache
from typing import NamedTuple

from opsloop_common.deadline import stopped
from opsloop_common.errors import Unavailable
from opsloop_common.limits import (
    HEAVY_CONNECTIONS,
    HEAVY_READS,
    LIGHT_REQUESTS,
    LIGHT_REQUESTS_LATELY,
    REQUEST_CONNECTIONS,
    SHARE_SECONDS,
)
from opsloop_common.shares import Usage


class _Asker(NamedTuple):
    workspace: str
    reads: bool


class Shares:
    """The gate before the pool: first come first served within a workspace; whoever waits holds no connection.

    Reads of the heavy have fewer places than their writes: a search keeps a core for its whole statement, a batch seldom.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._here = Usage(clock)
        self._served = Usage(clock)
        self._held: Counter[_Asker] = Counter()
        self._waiting: dict[_Asker, deque[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        """Return how many workspaces hold a connection or wait for one."""
        return len({asker.workspace for asker in self._held.keys() | self._waiting.keys()})

    async def enter(self, workspace: str, *, reads: bool = False) -> None:
        """Take a share, to be given back with `leave`; raises Unavailable (503) when none gets free in time."""
        asker = _Asker(workspace, reads)
        self._here.enter(workspace)
        if asker not in self._waiting and self._has_room(asker, self._judge()):
            self._take(asker)
            return
        try:
            await self._wait(asker)
        except TimeoutError as error:
            raise Unavailable(
                "Too much of this workspace is going on; try again.", headers={"Retry-After": "1"}
            ) from error

    def leave(self, workspace: str, *, reads: bool = False) -> None:
        """Give a share back."""
        asker = _Asker(workspace, reads)
        self._here.leave(workspace)
        self._served.leave(workspace)
        self._held[asker] -= 1
        if not self._held[asker]:
            del self._held[asker]
        while (following := self._next()) is not None:
            place = self._waiting[following][0]
            self._forget(following, place)
            if not place.done():
                self._take(following)
                place.set_result(None)

    def refuse_waiting(self) -> None:
        """Answer those that wait with 503: the database did not answer whoever asked it before them."""
        waiting, self._waiting = self._waiting, {}
        for asker, places in waiting.items():
            for place in places:
                if not place.done():
                    self._here.leave(asker.workspace)
                    place.set_exception(
                        Unavailable("The database does not answer; try again.", headers={"Retry-After": "1"})
                    )

    def is_light(self, workspace: str) -> bool:
        """Say whether a workspace asks for little: at once, and lately, by a fixed measure or beside the others."""
        return self._judge()(workspace)

    def _judge(self) -> Callable[[str], bool]:
        """Return who is light in this moment: the mean over all workspaces is reckoned once, and only when somebody needs it."""
        mean = cache(self._here.mean)

        @cache
        def is_light(workspace: str) -> bool:
            if self._here.held(workspace) > LIGHT_REQUESTS:
                return False
            lately = self._here.lately(workspace)
            return lately <= LIGHT_REQUESTS_LATELY or lately <= mean() / 2

        return is_light

    def held(self, workspace: str) -> int:
        """Return how many shares a workspace has."""
        return self._held[_Asker(workspace, True)] + self._held[_Asker(workspace, False)]

    def _take(self, asker: _Asker) -> None:
        self._held[asker] += 1
        self._served.enter(asker.workspace)

    def _has_room(self, asker: _Asker, is_light: Callable[[str], bool]) -> bool:
        if self._held.total() >= REQUEST_CONNECTIONS:
            return False
        if is_light(asker.workspace):
            return True
        heavy = {one: count for one, count in self._held.items() if not is_light(one.workspace)}
        if asker.reads and sum(count for one, count in heavy.items() if one.reads) >= HEAVY_READS:
            return False
        return sum(heavy.values()) < HEAVY_CONNECTIONS

    def _next(self) -> _Asker | None:
        """Return who of those that wait gets a share now: a light one, else the one that was served least lately."""
        is_light = self._judge()
        among = [one for one in self._waiting if self._has_room(one, is_light)]
        return min(
            among, key=lambda one: (not is_light(one.workspace), self._served.lately(one.workspace)), default=None
        )

    async def _wait(self, asker: _Asker) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asker, deque()).append(place)
        try:
            with stopped():
                async with asyncio.timeout(SHARE_SECONDS):
                    await place
        except (TimeoutError, asyncio.CancelledError):
            if place.cancelled():
                self._forget(asker, place)
                self._here.leave(asker.workspace)
            elif place.exception() is None:  # given in the moment in which waiting ended
                self.leave(asker.workspace, reads=asker.reads)
            raise

    def _forget(self, asker: _Asker, place: asyncio.Future[None]) -> None:
        places = self._waiting.get(asker, deque())
        if place in places:
            places.remove(place)
            if not places:
                del self._waiting[asker]
