"""A database per test, cloned from a template that the service's real migrations made."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy.engine import make_url

from opsloop_common import migrations
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.embedded_postgres.roles import connect, prepare_roles
from opsloop_common.service import Service

UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}


MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 a database per test is a thousand files made and removed a thousand times
MEMORY_NEEDED_BYTES = 4 * 1024**3


def _quick_folder() -> Path | None:
    """Return a folder in memory where there is room for the test databases, else None for the usual one."""
    if MEMORY_FOLDER.is_dir() and shutil.disk_usage(MEMORY_FOLDER).free > MEMORY_NEEDED_BYTES:
        return MEMORY_FOLDER
    return None


@contextmanager
def temporary_postgres(settings: dict[str, str] | None = None) -> Iterator[PostgresServer]:
    """Run an embedded PostgreSQL in a folder of its own; everything is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="opsloop-pg-", dir=_quick_folder() if settings is None else None))
    folder.chmod(0o755)
    server = PostgresServer(folder / "data", settings=UNSAFE_BUT_FAST if settings is None else settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.socket_dir, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


class TestDatabases:
    """Hands out databases of one test PostgreSQL."""

    __test__ = False

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._templates: set[str] = set()

    async def _execute(self, statement: str) -> None:
        connection = await connect(self.server, "postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def create_empty(self, name: str, *, owner: Service | None = None) -> str:
        """Create a database without a schema and return its URL: as its owner when a service is one, else as the superuser.

        As the owner a migration is told what row-level security hides from it; a superuser would not notice.
        """
        if owner is None:
            await self._execute(f'CREATE DATABASE "{name}"')
            return self.server.url(name)
        connection = await connect(self.server, "postgres")
        try:
            await prepare_roles(connection, owner.name)
        finally:
            await connection.close()
        await self._execute(f'CREATE DATABASE "{name}" OWNER "{owner.name}"')
        return self.server.url(name, user=owner.name)

    async def create(self, service: Service) -> str:
        """Create a migrated database for one test and return its URL."""
        template = f"template_{service.name}"
        if template not in self._templates:
            await migrations.upgrade(service, await self.create_empty(template, owner=service))
            self._templates.add(template)
        name = f"{service.name}_{uuid4().hex[:12]}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.server.url(name)

    async def drop(self, url: str) -> None:
        """Drop a database from `create`, ending its connections."""
        name = make_url(url).database
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def in_ci() -> bool:
    """Say whether a missing prerequisite must fail rather than skip."""
    return os.environ.get("CI", "").lower() == "true"
