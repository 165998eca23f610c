"""Databases for tests: cloned from a template that the service's real migrations made, emptied after use and used again."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import asyncpg
from sqlalchemy.engine import make_url

from opsloop_common import migrations
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.embedded_postgres.roles import connect, prepare_roles
from opsloop_common.embedded_postgres.server import SUPERUSER
from opsloop_common.service import Service
from opsloop_common.testing.run import OPEN_TO_ALL, quick_folder, shared_folder, taking_turns

UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}
ROLES, TEMPLATES = 1, 2
"""What the workers of a run do one after the other."""

# Without the views of the same names: what a new connection has not seen before, it reads and plans anew, a millisecond each.
_END_SESSIONS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_get_activity(NULL)
 WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
"""
# What the schema is made of. Emptying leaves all of it as it was: TRUNCATE changes nothing here but the files of pg_class.
_SCHEMA = """
SELECT md5(string_agg(part, ' ' ORDER BY part)) FROM (
    SELECT concat_ws(' ', oid, relname, relowner, relrowsecurity, relforcerowsecurity, relacl, reloptions)
      FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat('attribute ', count(*), ' ', max(xmin::text::bigint)) FROM pg_attribute
    UNION ALL SELECT concat('constraint ', count(*), ' ', max(xmin::text::bigint)) FROM pg_constraint
    UNION ALL SELECT concat('trigger ', count(*), ' ', max(xmin::text::bigint)) FROM pg_trigger
    UNION ALL SELECT concat('policy ', count(*), ' ', max(xmin::text::bigint)) FROM pg_policy
    UNION ALL SELECT concat('function ', count(*), ' ', max(xmin::text::bigint)) FROM pg_proc
    UNION ALL SELECT concat('setting ', count(*), ' ', max(xmin::text::bigint)) FROM pg_db_role_setting
    UNION ALL SELECT concat('revision ', version_num) FROM alembic_version
) AS parts (part)
"""
# TRUNCATE of the tables whose files hold something: 1 ms each. To ask each whether it has rows takes 20 ms, all of a service's 13 ms,
# a database made anew 38 ms. The files are looked at by name: `pg_relation_size` opens each table, which takes 3 ms more.
_EMPTY = """
DO $$
DECLARE
    place oid := (SELECT oid FROM pg_database WHERE datname = current_database());
    filled text := (
        SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
           AND (pg_stat_file(format('base/%s/%s', place, relfilenode), true)).size > 0
    );
BEGIN
    IF filled IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || filled || ' CASCADE';
    END IF;
    PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
END $$
"""


def copy_cluster(data_dir: Path) -> None:
    """Lay a data directory that was made once a run: `initdb` takes a second of a processor, a copy a tenth of that."""
    made = PostgresServer(shared_folder() / "cluster")
    with taking_turns(shared_folder() / "cluster.lock"):
        if not made.data_dir.exists():
            made.start()
            made.stop()
    subprocess.run(["cp", "-a", str(made.data_dir), str(data_dir)], check=True)  # noqa: S607 with its owner, who is not us


@contextmanager
def temporary_postgres(settings: dict[str, str] | None = None) -> Iterator[PostgresServer]:
    """Run an embedded PostgreSQL in a folder of its own; everything is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="opsloop-pg-"))
    folder.chmod(0o755)
    copy_cluster(folder / "data")
    server = PostgresServer(folder / "data", settings=UNSAFE_BUT_FAST if settings is None else settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.socket_dir, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@cache  # whoever starts a process must not forget it
def shared_postgres() -> PostgresServer:
    """Start the run's PostgreSQL, or find the one that another worker of the run has started; the run's keeper stops it."""
    folder = quick_folder()
    folder.mkdir(exist_ok=True)
    folder.chmod(OPEN_TO_ALL)
    server = PostgresServer(folder / "data", settings=UNSAFE_BUT_FAST)
    with taking_turns(shared_folder() / "postgres.lock"):
        server.start()
    return server


class TestDatabases:
    """Hands out databases of one test PostgreSQL, and takes them back for the next test."""

    __test__ = False

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._services: dict[str, str] = {}
        """The service that each database was made for."""
        self._free: dict[str, list[str]] = {}
        self._schemas: dict[str, str] = {}
        """What the schema of each database was when it was made."""

    @asynccontextmanager
    async def _admin(self, turn: int | None = None) -> AsyncIterator[asyncpg.Connection]:
        """Open a connection as the superuser; with `turn`, keep everybody else of that number out of the block."""
        connection = await connect(self.server, SUPERUSER)
        try:
            if turn is not None:
                await connection.execute("SELECT pg_advisory_lock($1)", turn)
            yield connection
        finally:
            await connection.close()

    async def create_empty(self, name: str, *, owner: Service | None = None) -> str:
        """Create a database without a schema and return its URL: as its owner when a service is one, else as the superuser.

        As the owner a migration is told what row-level security hides from it; a superuser would not notice.
        """
        if owner is None:
            async with self._admin() as admin:
                await admin.execute(f'CREATE DATABASE "{name}"')
            return self.server.url(name)
        async with self._admin(turn=ROLES) as admin:
            await prepare_roles(admin, owner.name)
            await admin.execute(f'CREATE DATABASE "{name}" OWNER "{owner.name}"')
        return self.server.url(name, user=owner.name)

    async def create(self, service: Service) -> str:
        """Hand out a migrated database without rows and return its URL."""
        kind = _kind(service)
        free = self._free.setdefault(kind, [])
        while free:
            name = free.pop()
            if await self._emptied(name):
                return self.server.url(name)
            await self._drop(name)
        name = f"{service.name}_{uuid4().hex[:12]}"
        async with self._admin(turn=TEMPLATES) as admin:
            template = await self._template(service, admin)
            await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._services[name] = kind
        connection = await connect(self.server, name)
        try:
            self._schemas[name] = await connection.fetchval(_SCHEMA)
        finally:
            await connection.close()
        return self.server.url(name)

    async def drop(self, url: str) -> None:
        """Take a database from `create` back; drop every other, ending its connections."""
        name = str(make_url(url).database)
        if name in self._services:
            self._free[self._services[name]].append(name)
        else:
            await self._drop(name)

    async def _drop(self, name: str) -> None:
        self._services.pop(name, None)
        async with self._admin() as admin:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _emptied(self, name: str) -> bool:
        """End what is left of the last test in a database; False when that test changed its schema."""
        connection = await connect(self.server, name)
        try:
            await connection.execute(_END_SESSIONS)
            if await connection.fetchval(_SCHEMA) != self._schemas[name]:
                return False
            await connection.execute(_EMPTY)
            return True
        finally:
            await connection.close()

    async def _template(self, service: Service, admin: asyncpg.Connection) -> str:
        """Return the name of a service's template, which the first worker of the run makes. It has its name when it is whole."""
        kind = _kind(service)
        template, making = f"template_{kind}", f"making_{kind}"
        if not await admin.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", template):
            await admin.execute(f'DROP DATABASE IF EXISTS "{making}" WITH (FORCE)')
            await migrations.upgrade(service, await self.create_empty(making, owner=service))
            await admin.execute(f'ALTER DATABASE "{making}" RENAME TO "{template}"')
        return template


def _kind(service: Service) -> str:
    """Return what the databases of services are told apart by: a test may have a service of its own under a known name."""
    return f"{service.name}_{crc32(service.migrations.encode()):08x}"
