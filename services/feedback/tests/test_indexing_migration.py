"""Posts of an earlier release stand for themselves, are read by themselves, and the way back loses nothing else."""

import pytest_asyncio
from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from opsloop_common.ids import uuid7
from opsloop_common.migrations import config_for
from opsloop_common.testing.databases import TestDatabases
from opsloop_feedback.app import SERVICE

POST = text(
    "INSERT INTO feedback (id, workspace, body, kind, severity, sentiment, triage, channel, source, author_verified, tags, attributes, "
    "occurred_at, created_at, updated_at, search_text) VALUES (:id, 'acme', '登录时闪退', 'bug', 's1', 0, '{}', 'api', 'api', true, "
    "'{}', '{}', now(), now(), now(), 'x')"
)


@pytest_asyncio.fixture
async def connection(databases: TestDatabases):
    engine = create_async_engine(await databases.create_empty("feedback_terms"))
    async with engine.begin() as connection:
        yield connection
    await engine.dispose()


async def migrate(connection, revision, *, down=False):
    def run(sync):
        (command.downgrade if down else command.upgrade)(config_for(SERVICE, sync), revision)

    await connection.run_sync(run)


async def test_posts_stand_for_themselves_up_down_and_up_again(connection):
    await migrate(connection, "0007")
    id = uuid7()
    await connection.execute(POST, {"id": id})

    for _ in range(2):
        await migrate(connection, "0008")
        [row] = await connection.execute(text("SELECT id, merged_into_id, affected_users FROM feedback"))
        assert tuple(row) == (id, None, 1)
        await migrate(connection, "0007", down=True)

    names = await connection.execute(
        text("SELECT column_name FROM information_schema.columns WHERE table_name = 'feedback'")
    )
    assert {"merged_into_id", "affected_users"}.isdisjoint(name for (name,) in names)
