"""Connections for hot paths, below SQLAlchemy: its sessions took several times as long as the statements that ran through them.

The engine opens each connection, so that role, settings and address are those of the service's pool, and then lets go of it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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


class Lanes:
    """At most `SIZE` connections, opened when needed, each running one autocommitted statement at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._free = asyncio.Semaphore(SIZE)
        self._idle: list[tuple[AsyncConnection, asyncpg.Connection]] = []

    async def fetch(self, statement: Statement, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Run a statement and return its rows; what it did is durable then. Raises what the driver raises.

        When the connection breaks on the way, whether the statement was done is unknown, as after a COMMIT without an answer.
        """
        async with self._free:
            connection, driver = await self._take()
            try:
                rows: list[asyncpg.Record] = await driver.fetch(statement.sql, *statement.values(given))
            except asyncpg.PostgresError:
                await self._put_back(connection, driver)
                raise
            except BaseException:
                await _discard(connection)
                raise
            await self._put_back(connection, driver)
            return rows

    async def _take(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        while self._idle:
            connection, driver = self._idle.pop()
            if not driver.is_closed():
                return connection, driver
            await _discard(connection)
        connection = await self._engine.connect()
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
