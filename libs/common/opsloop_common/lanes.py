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
        except BaseException:
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
    its wait for a lane included.
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

    async def fetch(self, statement: Statement, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Run a statement and return its rows; what it did is durable then. Raises what the driver raises, or TimeoutError.

        When the connection breaks on the way, whether the statement was done is unknown, as after a COMMIT without an answer.
        """
        until = time.monotonic() + self._seconds
        await self._places.enter(given.get("workspace", ""), until)
        try:
            pool = self._pool or await self._make_pool()
            lane = await self._take(pool, until)
            try:
                rows: list[asyncpg.Record] = await lane.fetch(
                    statement.sql, *statement.values(given), timeout=_left(until)
                )
            except asyncpg.PostgresError:
                raise
            except BaseException as error:
                is_silent = isinstance(error, OSError) or lane.is_closed()
                lane.terminate()  # without a good-bye, which a dead one would make last
                if is_silent:
                    await self._doubt_all(pool)
                raise
            finally:
                await pool.release(lane)
            return rows
        finally:
            self._places.leave()

    async def _make_pool(self) -> asyncpg.Pool:
        pool = self._pool = asyncpg.create_pool(
            connect=self._open,
            connection_class=Connection,
            setup=self._trust,
            reset=_note_answer,
            min_size=0,
            max_size=self._size,
            max_queries=2**62,
            max_inactive_connection_lifetime=0,
        )
        await pool
        return pool

    async def _open(self, *_: object, **__: object) -> Connection:
        return await self._connect()

    async def _take(self, pool: asyncpg.Pool, until: float) -> asyncpg.Connection:
        async with asyncio.timeout(_left(until)):
            while True:
                try:
                    return await pool.acquire()
                except _Dead:
                    await self._doubt_all(pool)

    async def _trust(self, lane: asyncpg.Connection) -> None:
        """Have a lane prove itself that was quiet, or is as old as one that was found dead."""
        if not self._doubt.covers(lane.answered_at):
            return
        try:
            await prove(lane)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            lane.terminate()
            raise _Dead from error

    async def _doubt_all(self, pool: asyncpg.Pool) -> None:
        """Give up what is idle, and doubt the engine's: the dead are not tried one by one, a second each."""
        self._doubt.cast()
        await pool.expire_connections()

    async def close(self) -> None:
        """Close what is idle; nothing may be running."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()


async def _note_answer(lane: Connection) -> None:
    # in the place of the pool's own reset, which asks the server: a statement that committed by itself has left nothing behind
    lane.answered_at = time.monotonic()


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.1)
