"""Migrations run as the owner, whom row-level security binds too: what they would not see, they are told."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from opsloop_common import migrations
from opsloop_common.db import Context
from opsloop_common.entry import every_workspace
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
