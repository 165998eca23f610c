"""A connection of a sender's own: one statement, one round trip, committed by itself, over all workspaces.

Through a session the same statement took BEGIN, the worker setting, itself and COMMIT, and three times the CPU; an event on
its way to its webhook waits for each of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from opsloop_common import direct
from opsloop_common.db import app_role
from opsloop_common.entry import WORKER_SETTING
from opsloop_common.lanes import Statement
from opsloop_common.service import Runtime


class Lane:
    """One connection, opened when first needed and again after it was lost; its users take turns."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._turn = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None

    async def fetch(self, statement: Statement, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Run a statement and return its rows; what it did is durable then. Raises what the driver raises."""
        async with self._turn:
            connection = await self._open()
            rows: list[asyncpg.Record] = await connection.fetch(statement.sql, *statement.values(given))
            return rows

    async def _open(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            # the worker setting is the session's: never through a transaction pooler, which would hand it to somebody else
            self._connection = await direct.connect(
                self._runtime.db,
                self._runtime.direct_url,
                purpose="dispatch",
                settings={"role": app_role(self._runtime.service.name), WORKER_SETTING: "on"},
            )
        return self._connection

    async def close(self) -> None:
        """Close the connection if there is one."""
        if self._connection is not None:
            await direct.close(self._connection)


@asynccontextmanager
async def open_lane(runtime: Runtime) -> AsyncIterator[Lane]:
    """Give a lane for the length of the block."""
    lane = Lane(runtime)
    try:
        yield lane
    finally:
        await lane.close()
