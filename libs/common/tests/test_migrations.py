"""Migrations run as the owner, whom row-level security binds too: what they would not see, they are told."""

from __future__ import annotations

from uuid import uuid4

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Connection, Text, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from opsloop_common import migrations
from opsloop_common.columns import check_in, versioned_columns
from opsloop_common.db import Context, grant_app_role
from opsloop_common.entry import every_workspace
from opsloop_common.settings import Misconfigured
from opsloop_common.testing.sample.reminders.rules import ReminderStatus
from opsloop_common.testing.sample.service import SAMPLE


async def test_a_migration_changes_the_rows_of_all_workspaces_or_fails(make_database, databases, monkeypatch):
    database = await make_database(SAMPLE)
    for workspace in ("acme", "other"):
        async with database.transaction(Context(workspace)) as session:
            await session.execute(
                text(
                    "INSERT INTO note (id, workspace, text, version) VALUES (gen_random_uuid(), :workspace, 'as it was', 1)"
                ),
                {"workspace": workspace},
            )
    owner = databases.server.url(database.engine.url.database, user=SAMPLE.name)
    statement = text("UPDATE note SET text = 'changed'")

    monkeypatch.setattr(
        migrations.command, "upgrade", lambda config, _: config.attributes["connection"].execute(statement)
    )
    with pytest.raises(ProgrammingError, match="row-level security"):
        await migrations.upgrade(SAMPLE, owner)

    changed = []

    def change(config, _) -> None:
        connection: Connection = config.attributes["connection"]
        with every_workspace(connection, "note"):
            changed.append(connection.execute(statement).rowcount)

    monkeypatch.setattr(migrations.command, "upgrade", change)
    await migrations.upgrade(SAMPLE, owner)

    assert changed == [2]
    engine = create_async_engine(owner, poolclass=NullPool)
    async with engine.connect() as connection:
        forced = await connection.scalar(text("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'note'"))
    await engine.dispose()
    assert forced is True


async def test_a_database_beyond_this_release_is_left_alone_and_said_in_a_line(make_database, databases):
    database = await make_database(SAMPLE)
    owner = databases.server.url(database.engine.url.database, user=SAMPLE.name)
    engine = create_async_engine(owner, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()

    with pytest.raises(Misconfigured, match=r"^the database of sample is at revision 9999, .* it is newer$"):
        await migrations.upgrade(SAMPLE, owner)


@pytest.mark.parametrize(
    ("may", "prepared"),
    [
        ("CREATEROLE", ()),
        ("NOCREATEROLE", ("CREATE ROLE {app} NOLOGIN", "GRANT {app} TO {owner}")),
        ("CREATEROLE", ("CREATE ROLE {app} NOLOGIN", "GRANT {app} TO {owner}")),
    ],
)
async def test_an_owner_acts_as_the_runtime_role_afterwards(databases, may, prepared):
    service = f"sample_{uuid4().hex[:12]}"
    names = {"owner": service, "app": f"{service}_app"}
    url = await databases.create_empty(service)
    superuser = create_async_engine(databases.server.url(service), poolclass=NullPool)
    async with superuser.connect() as connection:  # nothing is committed: roles are the whole server's
        for statement in (f"CREATE ROLE {{owner}} {may}", *prepared, "SET SESSION AUTHORIZATION {owner}"):
            await connection.execute(text(statement.format_map(names)))
        await connection.run_sync(grant_app_role, service)
        await connection.run_sync(grant_app_role, service)  # at the next release
        await connection.execute(text(f"SET ROLE {names['app']}"))
        acts_as = await connection.scalar(text("SELECT current_user"))
        await connection.rollback()
    await superuser.dispose()
    await databases.drop(url)

    assert acts_as == names["app"]


async def test_a_table_is_made_and_its_checks_are_replaced_by_helpers(databases):
    url = await databases.create_empty(f"sample_{uuid4().hex[:12]}", owner=SAMPLE)
    owner = create_async_engine(url, poolclass=NullPool)
    insert = "INSERT INTO thing VALUES (gen_random_uuid(), 'acme', 1, now(), now(), :state)"

    def make(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)) as op:
            op.create_table(
                "thing",
                *versioned_columns("thing"),
                Column("state", Text),
                check_in("state", ("on", "off"), table="thing"),
            )
            migrations.hold_to_workspace("thing")

    def widen(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            migrations.replace_check_in("thing", "state", ("on", "off", "idle"))

    async with owner.connect() as connection:
        await connection.run_sync(make)
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with connection.begin_nested():
                await connection.execute(text(insert), {"state": "on"})
        await connection.execute(text("SELECT set_config('opsloop.workspace', 'acme', true)"))
        await connection.execute(text(insert), {"state": "on"})
        with pytest.raises(IntegrityError, match="ck_thing_state"):
            async with connection.begin_nested():
                await connection.execute(text(insert), {"state": "idle"})

        await connection.run_sync(widen)

        await connection.execute(text(insert), {"state": "idle"})
        await connection.execute(text("SELECT set_config('opsloop.workspace', 'other', true)"))
        assert await connection.scalar(text("SELECT count(*) FROM thing")) == 0
    await owner.dispose()
    await databases.drop(url)


def test_a_check_names_the_values_of_its_enum():
    assert str(check_in("status", ReminderStatus).sqltext) == "status IN ('waiting', 'rung', 'done')"
    assert check_in("status", ReminderStatus).name == "status", "the model's naming convention adds the table"
    assert check_in("status", ReminderStatus, table="reminder").name == "ck_reminder_status"
