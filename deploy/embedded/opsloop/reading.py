"""Read the four databases from a command, through the driver alone: SQLAlchemy would take as long to load as all else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

import asyncpg

from opsloop import data
from opsloop.settings import EmbeddedSettings
from opsloop_common import limits
from opsloop_common.embedded_postgres import PostgresServer


@asynccontextmanager
async def within_reach(settings: EmbeddedSettings) -> AsyncIterator[PostgresServer]:
    """Have PostgreSQL run for the length of the block, migrated where OpsLoop does not; raises NothingHere."""
    data.require_used(settings.data_dir)
    server = PostgresServer(data.postgres_dir(settings.data_dir))
    if data.holder_of(settings.data_dir) is not None:
        yield server
        return
    async with import_module("opsloop.whole").opened(settings):
        yield server


@asynccontextmanager
async def connected(server: PostgresServer, service: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection that can only read."""
    connection = await asyncpg.connect(
        user=service,
        database=service,
        host=str(server.socket_dir),
        timeout=limits.DATABASE_CONNECT_SECONDS,
        command_timeout=limits.DATABASE_WORK_SECONDS + limits.DATABASE_GRACE_SECONDS,
        server_settings={
            "application_name": "opsloop-command",
            "default_transaction_read_only": "on",
            "statement_timeout": f"{limits.DATABASE_WORK_SECONDS:.0f}s",
        },
    )
    try:
        yield connection
    finally:
        await connection.close()
