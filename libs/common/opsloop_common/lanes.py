"""Connections for hot paths, below SQLAlchemy: its sessions took several times as long as the statements that ran through them.

The engine opens each connection, so that role, settings and address are those of the service's pool, and then lets go of it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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


@dataclass(slots=True)
class _Lane:
    connection: AsyncConnection
    driver: asyncpg.Connection
    answered_at: float


class _Places:
    """`SIZE` places; whoever waits gets one by workspace in turn, so that many of one keep no other waiting behind them all."""

    def __init__(self) -> None:
        self._free = SIZE
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


class Lanes:
    """At most `SIZE` connections, opened when needed, each running one autocommitted statement at a time.

    Those that wait for one are taken by the statement's `:workspace` in turn. Within `seconds` a statement has its answer or fails,
    its wait for a lane included.
    """

    def __init__(self, engine: AsyncEngine, doubt: Doubt, *, seconds: float) -> None:
        self._engine = engine
        self._doubt = doubt
        self._seconds = seconds
        self._places = _Places()
        self._idle: list[_Lane] = []

    async def fetch(self, statement: Statement, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Run a statement and return its rows; what it did is durable then. Raises what the driver raises, or TimeoutError.

        When the connection breaks on the way, whether the statement was done is unknown, as after a COMMIT without an answer.
        """
        until = time.monotonic() + self._seconds
        await self._places.enter(given.get("workspace", ""), until)
        try:
            lane = await self._take(until)
            try:
                rows: list[asyncpg.Record] = await lane.driver.fetch(
                    statement.sql, *statement.values(given), timeout=_left(until)
                )
            except asyncpg.PostgresError:
                await self._put_back(lane)
                raise
            except BaseException as error:  # whatever it was, nobody knows what is still under way on this connection
                is_silent = isinstance(error, OSError) or lane.driver.is_closed()
                await _discard(lane)
                if is_silent:
                    await self._doubt_all()
                raise
            await self._put_back(lane)
            return rows
        finally:
            self._places.leave()

    async def _take(self, until: float) -> _Lane:
        while self._idle:
            lane = self._idle.pop()
            if lane.driver.is_closed() or not await self._lives(lane):
                await _discard(lane)
                continue
            return lane
        async with asyncio.timeout(_left(until)):
            return await self._open()

    async def _lives(self, lane: _Lane) -> bool:
        if not self._doubt.covers(lane.answered_at):
            return True
        try:
            await prove(lane.driver)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self._doubt_all()
            return False
        except asyncio.CancelledError:
            await _discard(lane)
            raise
        return True

    async def _doubt_all(self) -> None:
        """Give up what is idle, and doubt the pool: the dead are not tried one by one, a second each."""
        self._doubt.cast()
        dead, self._idle = self._idle, []
        for lane in dead:
            await _discard(lane)

    async def _open(self) -> _Lane:
        connection = await self._engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
        await connection.run_sync(lambda sync: sync.detach())
        return _Lane(connection, driver, time.monotonic())

    async def _put_back(self, lane: _Lane) -> None:
        if lane.driver.is_closed():
            await _discard(lane)
        else:
            lane.answered_at = time.monotonic()
            self._idle.append(lane)

    async def close(self) -> None:
        """Close what is idle; nothing may be running."""
        while self._idle:
            await self._idle.pop().connection.close()


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.1)


async def _discard(lane: _Lane) -> None:
    lane.driver.terminate()  # without a good-bye, which a dead one would make last
    await lane.connection.invalidate()
    await lane.connection.close()
