"""The four databases of the embedded PostgreSQL: made when missing, migrated when behind, served again when the server died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
import structlog
from alembic.script import ScriptDirectory

from opsloop_common import migrations
from opsloop_common.embedded_postgres import PostgresFailed, PostgresServer
from opsloop_common.service import Service

LEFT_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'opsloop%' AND pid <> pg_backend_pid()"
WATCH_SECONDS = 1.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def kept_running(server: PostgresServer) -> AsyncIterator[None]:
    """For the length of the block, start the server again when it dies, as under the knife of a system short of memory."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if server.is_running():
                continue
            log.error("PostgreSQL died, starting it again")
            try:
                await asyncio.to_thread(server.start)
            except (PostgresFailed, OSError) as error:
                log.error("PostgreSQL does not start", error=str(error))
            else:
                log.info("PostgreSQL runs again")

    watching = asyncio.create_task(watch(), name="postgres")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def prepare(server: PostgresServer, services: Iterable[Service], *, attached: bool) -> list[str]:
    """Make and migrate what is missing or behind; returns the names of the services that were.

    `attached` says that the server was left running by a killed owner: its sessions are ended first, or they would hold
    the relay's lock until they notice.
    """
    services = list(services)
    admin = await _connect(server, "postgres")
    try:
        if attached:
            await admin.execute(LEFT_SESSIONS)
        present = {row["datname"] for row in await admin.fetch("SELECT datname FROM pg_database")}
        for service in services:
            if service.name not in present:
                await admin.execute(f'CREATE DATABASE "{service.name}"')
    finally:
        await admin.close()
    behind = [service for service in services if not await _is_current(server, service)]
    for service in behind:  # in turn: Alembic keeps its present migration in a global
        await migrations.upgrade(service, server.url(service.name))
    return [service.name for service in behind]


async def _is_current(server: PostgresServer, service: Service) -> bool:
    """Say whether the database is at the newest revision; cheaper than letting Alembic find nothing to do."""
    head = ScriptDirectory.from_config(migrations.config_for(service)).get_current_head()
    connection = await _connect(server, service.name)
    try:
        return bool(await connection.fetchval("SELECT version_num FROM alembic_version") == head)
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await connection.close()


async def _connect(server: PostgresServer, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(user="postgres", database=database, host=str(server.socket_dir))
