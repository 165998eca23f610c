"""Connections for hot paths, below SQLAlchemy: its sessions took several times as long as the statements that ran through them.

The engine opens each connection, so that role, settings and address are those of the service's pool, and then lets go of it.
"""

from __future__ import annotations

import asyncio
import re
import time
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


class Lanes:
    """At most `SIZE` connections, opened when needed, each running one autocommitted statement at a time.

    Within `seconds` a statement has its answer or fails, its wait for a lane included.
    """

    def __init__(self, engine: AsyncEngine, doubt: Doubt, *, seconds: float) -> None:
        self._engine = engine
        self._doubt = doubt
        self._seconds = seconds
        self._free = asyncio.Semaphore(SIZE)
        self._idle: list[_Lane] = []

    async def fetch(self, statement: Statement, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Run a statement and return its rows; what it did is durable then. Raises what the driver raises, or TimeoutError.

        When the connection breaks on the way, whether the statement was done is unknown, as after a COMMIT without an answer.
        """
        until = time.monotonic() + self._seconds
        await self._enter(until)
        try:
            lane = await self._take(until)
            try:
                rows: list[asyncpg.Record] = await lane.driver.fetch(
                    statement.sql, *statement.values(given), timeout=_left(until)
                )
            except asyncpg.PostgresError:
                await self._put_back(lane)
                raise
            except BaseException as error:
                is_silent = isinstance(error, OSError) or lane.driver.is_closed()
                await _discard(lane)
                if is_silent:
                    await self._doubt_all()
                raise
            await self._put_back(lane)
            return rows
        finally:
            self._free.release()

    async def _enter(self, until: float) -> None:
        if not self._free.locked():  # then it does not wait, and needs no timer
            await self._free.acquire()
            return
        async with asyncio.timeout(_left(until)):
            await self._free.acquire()

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
        except BaseException:
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
