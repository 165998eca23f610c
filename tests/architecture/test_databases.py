"""Every service's database: migrations that go both ways, and row-level security that really holds."""

from __future__ import annotations

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from opsloop.services import MEMBERS
from opsloop_common import migrations, plumbing
from opsloop_common.db import Context, app_role, require_held_by_row_level_security
from opsloop_common.service import Service

SERVICES = pytest.mark.parametrize("service", MEMBERS, ids=lambda service: service.name)

PLUMBING = {
    "alembic_version",
    "api_key",
    "audit",
    "delivery_cursor",
    "due",
    "idempotency",
    "inbox",
    "job",
    "key_usage",
    "known_workspace",
    "outbox",
    "outbox_log",
    "outbox_stream",
    "page_link",
    "parked_event",
    "user_secret",
    "worker",
    "workspace",
}
"""Tables without row-level security: they are written and read across workspaces by the machinery, never by a use case."""

POLICIES = """
SELECT c.relname AS table, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace' AND a.attnotnull) AS scoped,
       ARRAY(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1) AS policies,
       (SELECT pg_get_expr(p.polqual, p.polrelid) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'workspace') AS sees,
       (SELECT pg_get_expr(p.polwithcheck, p.polrelid) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'workspace')
         AS writes
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
"""
HELD = "(workspace = current_setting('opsloop.workspace'::text, true))"


def test_plumbing_is_what_the_machinery_made():
    assert set(plumbing.metadata.tables) | {"alembic_version"} == PLUMBING


def test_no_two_services_share_a_metadata():
    found = [service.metadata for service in MEMBERS]

    assert len({id(metadata) for metadata in found}) == len(MEMBERS)
    assert all(metadata is not plumbing.metadata for metadata in found)
    assert all(not set(metadata.tables) & PLUMBING for metadata in found)


@SERVICES
async def test_every_business_table_is_held_to_its_workspace(service: Service, make_database):
    database = await make_database(service)
    connection = await connect(database.url)
    try:
        tables = await connection.fetch(POLICIES)
    finally:
        await connection.close()

    business = [table for table in tables if table["table"] not in PLUMBING]
    assert {table["table"] for table in business} == set(service.metadata.tables)
    assert business, "a service without a table of its own"
    for table in business:
        assert table["scoped"], f"{table['table']} has no workspace column"
        assert table["enabled"], f"{table['table']}: not enabled"
        assert table["forced"], f"{table['table']}: the owner passes through"
        assert table["sees"] == table["writes"] == HELD, table["table"]
        # `worker` lets a sweep over all workspaces see due rows; nothing else may open a table
        assert set(table["policies"]) <= {"workspace", "worker"}, table["table"]


@SERVICES
async def test_the_role_that_serves_cannot_pass_or_change_the_policies(service: Service, make_database):
    database = await make_database(service)
    await require_held_by_row_level_security(database)
    table = next(iter(service.metadata.tables))

    async with database.engine.connect() as connection:
        role = await connection.exec_driver_sql(
            "SELECT current_user, rolsuper, rolbypassrls, "
            "(SELECT count(*) FROM pg_class WHERE relowner = pg_roles.oid) FROM pg_roles WHERE rolname = current_user"
        )
        assert tuple(role.one()) == (app_role(service.name), False, False, 0)
    for statement in (
        f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
        f'DROP POLICY workspace ON "{table}"',
        f'TRUNCATE "{table}"',
        "CREATE TABLE mine (n int)",
    ):
        with pytest.raises(Exception, match=r"must be owner|permission denied"):
            async with database.transaction(Context(workspace="acme")) as session:
                await (await session.connection()).exec_driver_sql(statement)


@SERVICES
async def test_every_revision_goes_up_down_and_up_again(service: Service, databases):
    url = await databases.create_empty(f"updown_{service.name}", owner=service)
    try:
        script = ScriptDirectory.from_config(migrations.config_for(service))
        revisions = [revision.revision for revision in reversed(list(script.walk_revisions()))]
        assert len(script.get_heads()) == 1
        before = "base"
        for revision in revisions:
            await migrations.upgrade(service, url, revision=revision)
            await run_alembic(service, url, lambda config, target=before: command.downgrade(config, target))
            await migrations.upgrade(service, url, revision=revision)
            before = revision

        await run_alembic(service, url, command.check)

        await run_alembic(service, url, lambda config: command.downgrade(config, "base"))
        connection = await connect(url)
        left = await connection.fetch(POLICIES)
        await connection.close()
        assert [row["table"] for row in left] == ["alembic_version"]
    finally:
        await databases.drop(url)


async def run_alembic(service: Service, url: str, do) -> None:
    engine = create_async_engine(url, poolclass=NullPool)

    def run(connection: Connection) -> None:
        do(migrations.config_for(service, connection))

    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def connect(url: str) -> asyncpg.Connection:
    """Open a plain connection as the owner."""
    parsed = make_url(url)
    return await asyncpg.connect(user="postgres", database=parsed.database, host=parsed.query["host"])
