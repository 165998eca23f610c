"""Connections beside the pool, for what belongs to a session: advisory locks and LISTEN. Never through a transaction pooler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from opsloop_common import connections, limits
from opsloop_common.db import Database


async def connect(
    database: Database, url: str | None = None, *, purpose: str, settings: dict[str, str] | None = None
) -> asyncpg.Connection:
    """Open a connection of its own to `url` (default: the database's own URL), with the time-outs of the database's others."""
    return await connections.connect(
        url or database.url,
        name=f"opsloop-{database.service}-{purpose}",
        patience=database.patience,
        settings=settings or {},
    )


async def close(connection: asyncpg.Connection) -> None:
    """Close a connection without waiting for a server that does not answer."""
    await connection.close()


class LockSession:
    """The session that holds an advisory lock: its users take turns, and it proves itself while nobody has anything to ask.

    The server ends it after a few silent seconds (`lock_settings`), so whoever takes the lock next waits no longer than that
    for a holder whose network is gone; and the holder has noticed by then.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def fetch(self, sql: str, *values: Any, timeout: float | None = None) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        async with self._turn:
            rows: list[asyncpg.Record] = await self._connection.fetch(sql, *values, timeout=timeout)
            return rows

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """Run a statement and return the first value of its first row."""
        async with self._turn:
            return await self._connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any, timeout: float | None = None) -> str:
        """Run a statement and return its status."""
        async with self._turn:
            status: str = await self._connection.execute(sql, *values, timeout=timeout)
            return status

    @asynccontextmanager
    async def proven(self) -> AsyncIterator[None]:
        """Prove, for the length of the block, that the lock is still ours; without an answer the connection is lost."""
        proving = asyncio.create_task(self._prove(), name="lock session")
        try:
            yield
        finally:
            proving.cancel()
            await asyncio.wait([proving])

    async def _prove(self) -> None:
        while True:
            await asyncio.sleep(limits.LOCK_HOLDER_PROOF_SECONDS)
            try:
                await self.execute("SELECT 1")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._connection.terminate()  # its owner hears of it (`add_termination_listener`)
                return


def lock_settings() -> dict[str, str]:
    """Return what the server is to do about a silent session that holds a lock."""
    return {"idle_session_timeout": str(round(limits.LOCK_HOLDER_IDLE_SECONDS * 1000))}
