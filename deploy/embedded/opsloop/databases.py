"""The four databases of the embedded PostgreSQL: made when missing, migrated when behind."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg
from alembic.script import ScriptDirectory

from opsloop_common import migrations
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.service import Service

LEFT_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'opsloop%' AND pid <> pg_backend_pid()"


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
