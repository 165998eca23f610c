"""Lanes: connections for fast paths, below SQLAlchemy, whose sessions took several times as long as the statements in them.

asyncpg's pool keeps them. What is ours beside it: who waits gets a place by workspace in turn, and after one dead connection no
other is trusted (`doubt`).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import asyncpg

from opsloop_common.connections import Connection
from opsloop_common.doubt import Doubt, prove

SIZE = 5

_NAMED = re.compile(r"(?<!:):([a-z_]+)")


class Statement:
    """SQL whose `:named` parameters are numbered as the driver wants them."""

    def __init__(self, sql: str) -> None:
        self.names = tuple(dict.fromkeys(_NAMED.findall(sql)))
        self.sql = _NAMED.sub(lambda match: f"${self.names.index(match[1]) + 1}", sql)

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of their numbers."""
        return [given[name] for name in self.names]


class _Places:
    """Places for as many as there are lanes; whoever waits gets one by workspace in turn, so that none waits behind all of another."""

    def __init__(self, size: int = SIZE) -> None:
        self._free = size
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def enter(self, workspace: str, until: float) -> None:
        if self._free > 0:  # then nobody waits
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace, deque()).append(place)
        try:
            async with asyncio.timeout(_left(until)):
                await place
        except (TimeoutError, asyncio.CancelledError):
            if place.done() and not place.cancelled():  # given in the moment in which waiting ended
                self.leave()
            raise

    def leave(self) -> None:
        while self._waiting:
            workspace, places = self._waiting.popitem(last=False)
            place = places.popleft()
            if places:
                self._waiting[workspace] = places
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


class _Dead(Exception):
    """A connection of the pool gave no sign of life; the next may."""


class Lanes:
    """At most `size` connections, opened by `connect` when needed, each running one autocommitted statement at a time.

    Those that wait for one are taken by the statement's `:workspace` in turn. Within `seconds` a statement has its answer or fails,
    its wait for a lane included. A lane in use goes from statement to statement without the pool, whose acquire and release cost
    more than a small statement (38 us beside 22); one that was quiet goes back there, and proves itself when it is taken again.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], doubt: Doubt, *, seconds: float, size: int = SIZE
    ) -> None:
        self._connect = connect
        self._doubt = doubt
        self._seconds = seconds
        self._size = size
        self._places = _Places(size)
        self._pool: asyncpg.Pool | None = None
        self._warm: list[tuple[float, asyncpg.Connection]] = []

    async def fetch(self, statement: Statement, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Run a statement and return its rows; what it did is durable then. Raises what the driver raises, or TimeoutError.

        When the connection breaks on the way, whether the statement was done is unknown, as after a COMMIT without an answer.
        """
        until = time.monotonic() + self._seconds
        await self._places.enter(given.get("workspace", ""), until)
        try:
            lane = await self._take(until)
            try:
                rows: list[asyncpg.Record] = await lane.fetch(
                    statement.sql, *statement.values(given), timeout=_left(until)
                )
            except asyncpg.PostgresError:
                self._warm.append((time.monotonic(), lane))
                raise
            except BaseException as error:  # whatever it was, nobody knows what is still under way on this connection
                is_silent = isinstance(error, OSError) or _is_closed(lane)
                _terminate(lane)
                if is_silent:
                    await self._doubt_all()
                raise
            self._warm.append((time.monotonic(), lane))
            return rows
        finally:
            self._places.leave()

    async def _take(self, until: float) -> asyncpg.Connection:
        while self._warm:
            answered_at, lane = self._warm.pop()
            if not _is_closed(lane) and not self._doubt.covers(answered_at):
                return lane
            await self._give_back(lane)
        async with asyncio.timeout(_left(until)):
            while True:
                try:
                    return await (self._pool or await self._make_pool()).acquire()
                except _Dead:
                    await self._doubt_all()

    async def _make_pool(self) -> asyncpg.Pool:
        self._pool = asyncpg.create_pool(
            connect=self._open,
            connection_class=Connection,
            setup=self._trust,
            reset=_nothing,
            min_size=0,
            max_size=self._size,
            max_queries=2**62,
            max_inactive_connection_lifetime=0,
        )
        return await self._pool

    async def _open(self, *_: object, **__: object) -> Connection:
        return await self._connect()

    async def _trust(self, lane: asyncpg.Connection) -> None:
        """Have a lane prove itself unless it has just been opened."""
        if not self._doubt.covers(lane.opened_at):
            return
        try:
            await prove(lane)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _terminate(lane)
            raise _Dead from error

    async def _give_back(self, lane: asyncpg.Connection) -> None:
        if _is_closed(lane):
            _terminate(lane)
        elif self._pool is not None:
            with suppress(asyncpg.InternalClientError):  # it ended on its way back, and so is free already
                await self._pool.release(lane)

    async def _doubt_all(self) -> None:
        """Give up what is idle, and doubt the engine's: the dead are not tried one by one, a second each."""
        self._doubt.cast()
        warm, self._warm = self._warm, []
        for _, lane in warm:
            _terminate(lane)
        if self._pool is not None:
            await self._pool.expire_connections()

    async def aclose(self) -> None:
        """Close what is idle; nothing may be running."""
        warm, self._warm = self._warm, []
        for _, lane in warm:
            await self._give_back(lane)
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()


def _is_closed(lane: asyncpg.Connection) -> bool:
    try:
        closed: bool = lane.is_closed()
    except asyncpg.InterfaceError:  # the pool took it back when it closed
        return True
    return closed


def _terminate(lane: asyncpg.Connection) -> None:
    """End a lane, and give its place in the pool back; without a good-bye, which a dead one would make last."""
    with suppress(asyncpg.InterfaceError):  # the pool took it back when it closed
        lane.terminate()


async def _nothing(_: asyncpg.Connection) -> None:
    """Stand in for the pool's reset, which asks the server: a statement that committed by itself has left nothing behind."""


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.1)
