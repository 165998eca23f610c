"""Connections of the hot path's own, below SQLAlchemy: its pool and greenlets took as long as the statement that ran through them.

The engine opens each connection, so that role, settings and address are those of the service's pool, and then lets go of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from opsloop_common.db import Database
from opsloop_common.errors import Unavailable

SIZE = 5
_BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Lanes:
    """At most `SIZE` connections, opened when needed, each running one autocommitted statement at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free = asyncio.Semaphore(SIZE)
        self._idle: list[tuple[AsyncConnection, asyncpg.Connection]] = []

    async def fetchrow(self, sql: str, values: Sequence[Any]) -> Any:
        """Run a statement and return its first row, or None; what it did is durable then.

        Raises Unavailable (503) when the connection broke on the way: whether the statement was done is then unknown, as it is
        to any caller whose COMMIT got no answer.
        """
        async with self._free:
            connection, driver = await self._take()
            try:
                row = await driver.fetchrow(sql, *values)
            except asyncpg.PostgresError:
                await self._put_back(connection, driver)
                raise
            except _BROKEN as error:
                await _discard(connection)
                if isinstance(error, ValueError):  # a value that the driver cannot encode: a fault of ours
                    raise
                raise Unavailable("The database is not reachable.", headers={"Retry-After": "1"}) from error
            except BaseException:
                await _discard(connection)
                raise
            await self._put_back(connection, driver)
            return row

    async def _take(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        while self._idle:
            connection, driver = self._idle.pop()
            if not driver.is_closed():
                return connection, driver
            await _discard(connection)
        connection = await self._database.engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
        await connection.run_sync(lambda sync: sync.detach())
        return connection, driver

    async def _put_back(self, connection: AsyncConnection, driver: asyncpg.Connection) -> None:
        if driver.is_closed():
            await _discard(connection)
        else:
            self._idle.append((connection, driver))

    async def close(self) -> None:
        """Close what is idle; nothing may be running."""
        while self._idle:
            connection, _ = self._idle.pop()
            await connection.close()


async def _discard(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()


@asynccontextmanager
async def open_lanes(database: Database) -> AsyncIterator[Lanes]:
    """Give lanes for as long as the service runs."""
    lanes = Lanes(database)
    try:
        yield lanes
    finally:
        await lanes.close()
