"""Alembic, the same way for every service: one linear history in its package, run on an async engine."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import TYPE_CHECKING

from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from opsloop_common import database_address, limits, plumbing
from opsloop_common.access import tables as _access
from opsloop_common.columns import check_in
from opsloop_common.connections import Patience, arguments
from opsloop_common.db import grant_app_role
from opsloop_common.due import tables as _due
from opsloop_common.entry import row_level_security
from opsloop_common.inbox import tables as _inbox
from opsloop_common.outbox import tables as _outbox
from opsloop_common.settings import Misconfigured

if TYPE_CHECKING:
    from opsloop_common.service import Service

PLUMBING_TABLES = (_access, _due, _inbox, _outbox)  # imported so that the plumbing MetaData is complete
LOCK_TIMEOUT = "5s"
MIGRATION_LOCK = 0x6F70736C  # two runners migrating one database take turns


def config_for(service: Service, connection: Connection | None = None) -> Config:
    """Return the Alembic configuration of one service."""
    config = Config()
    config.set_main_option("script_location", str(files(service.migrations)).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = [service.metadata, plumbing.metadata]
    return config


def revisions_of(service: Service) -> list[str]:
    """Return the revisions that this release knows, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(config_for(service)).walk_revisions()]


def run_environment() -> None:
    """Be the whole of a service's `env.py`."""
    config = context.config
    metadata: list[MetaData] = config.attributes["metadata"]
    connection: Connection = config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()


def hold_to_workspace(*tables: str) -> None:
    """Hold tables to the transaction's workspace, also for their owner; the role that serves requests is granted all tables."""
    for table in tables:
        for statement in row_level_security(table):
            op.execute(statement)


def replace_check_in(table: str, column: str, values: Iterable[str]) -> None:
    """Let a column hold other values than the `check_in` of an earlier migration said."""
    check = check_in(column, values, table=table)
    op.drop_constraint(op.f(str(check.name)), table, type_="check")
    op.create_check_constraint(op.f(str(check.name)), table, check.sqltext)


async def upgrade(service: Service, url: str, *, revision: str = "head") -> None:
    """Bring one service's database to `revision` and let its runtime role use it; Misconfigured when it is beyond this release."""
    patience = Patience(limits.DATABASE_MIGRATION_SECONDS)
    address = database_address.read(url)
    options = arguments(address, name=f"opsloop-{service.name}-migrate", patience=patience)
    engine = create_async_engine(address.url, poolclass=NullPool, connect_args=options)

    def run(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        # a statement about rows that row-level security would hide is an error, not one about no rows: see entry.every_workspace
        connection.execute(text("SET LOCAL row_security = off"))
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found not in revisions_of(service):
            raise Misconfigured(
                f"the database of {service.name} is at revision {found}, which this release does not know: it is newer"
            )
        command.upgrade(config_for(service, connection), revision)
        grant_app_role(connection, service.name)

    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()
