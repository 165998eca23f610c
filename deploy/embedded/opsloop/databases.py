"""The four databases of the embedded PostgreSQL: made when missing, migrated when behind, served again when the server died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
import structlog

from opsloop_common import migrations
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.embedded_postgres.roles import connect, prepare_databases
from opsloop_common.service import Service
from opsloop_common.supervision import Pauses, supervised

LEFT_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'opsloop%' AND pid <> pg_backend_pid()"
WATCH_SECONDS = 1.0
PAUSES = Pauses(first=0.1, longest=1.0)

log = structlog.get_logger(__name__)


@asynccontextmanager
async def kept_running(server: PostgresServer) -> AsyncIterator[None]:
    """For the length of the block, start the server again when it dies, as under the knife of a system short of memory."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if server.is_running():
                server.prune_log()
                continue
            log.error("PostgreSQL died, starting it again")
            await asyncio.to_thread(server.start)
            log.info("PostgreSQL runs again")

    async with supervised({"PostgreSQL": watch}, pauses=PAUSES):
        yield


async def prepare(server: PostgresServer, services: Iterable[Service], *, attached: bool) -> list[str]:
    """Make and migrate what is missing or behind; returns the names of the services that were.

    `attached` says that the server was left running by a killed owner: its sessions are ended first, or they would hold
    the relay's lock until they notice.
    """
    services = list(services)
    if attached:
        await _end_left_sessions(server)
    await prepare_databases(server, [service.name for service in services])
    behind = [service for service in services if not await _is_current(server, service)]
    for service in behind:  # in turn: Alembic keeps its present migration in a global
        await migrations.upgrade(service, server.url(service.name, user=service.name))
    return [service.name for service in behind]


async def _end_left_sessions(server: PostgresServer) -> None:
    admin = await connect(server, "postgres")
    try:
        await admin.execute(LEFT_SESSIONS)
    finally:
        await admin.close()


async def _is_current(server: PostgresServer, service: Service) -> bool:
    """Say whether the database is at the newest revision, or beyond; cheaper than letting Alembic find nothing to do."""
    _, *older = migrations.revisions_of(service)
    connection = await connect(server, service.name, user=service.name)
    try:
        found = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await connection.close()
    return found is not None and found not in older
