"""The release before sends what is held by itself, and nothing that was paused."""

from __future__ import annotations

from uuid import uuid4

import pytest_asyncio
from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from opsloop_common import database_address
from opsloop_common.migrations import config_for
from opsloop_notifications.app import SERVICE

MESSAGE = text(
    "INSERT INTO message (workspace, id, topic, time_zone, contents, cause, created_at, is_test, paused_at) "
    "VALUES ('acme', :id, 'news', 'UTC', '[]', '{}', now(), false, CASE WHEN :paused THEN now() END)"
)
NOTIFICATION = text(
    "INSERT INTO notification (id, workspace, message_id, user_id, topic, channel, address, locale, status, attempt_count, "
    "created_at, deferred_until, digest_id) VALUES (:id, 'acme', :message, :user, 'news', 'email', 'u1@example.test', 'en', "
    ":status, 0, now(), now() + interval '1 hour', :digest)"
)
QUEUED = text(
    "INSERT INTO notification_queue (id, workspace, group_key, tries, is_paused) VALUES (:id, 'acme', 'acme', 0, true)"
)


class Store:
    """A database whose schema is made by an ordinary role: row-level security holds it too."""

    def __init__(self, connection, owner):
        self.connection, self.owner = connection, owner

    async def migrate(self, revision, *, down=False):
        def run(connection):
            connection.execute(text(f"SET ROLE {self.owner}"))
            (command.downgrade if down else command.upgrade)(config_for(SERVICE, connection), revision)
            connection.execute(text("RESET ROLE"))

        await self.connection.run_sync(run)

    async def keep(self, user, status, *, paused=False, held=True):
        """Keep a message to one person, held for a digest or waiting paused."""
        message, id = uuid4(), uuid4()
        await self.connection.execute(MESSAGE, {"id": message, "paused": paused})
        given = {"id": id, "message": message, "user": user, "status": status, "digest": uuid4() if held else None}
        await self.connection.execute(NOTIFICATION, given)
        if not held:
            await self.connection.execute(QUEUED, {"id": id})

    async def rows(self, sql):
        return {tuple(row) for row in await self.connection.execute(text(sql))}


@pytest_asyncio.fixture
async def store(databases):
    owner = f"owner_{uuid4().hex[:12]}"
    url = await databases.create_empty(owner)
    engine = create_async_engine(database_address.read(url).url)
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE ROLE {owner}"))
        await connection.execute(text(f"GRANT ALL ON SCHEMA public TO {owner}"))
        await connection.commit()
        yield Store(connection, owner)
        await connection.rollback()
    await engine.dispose()
    await databases.drop(url)


async def test_what_is_held_goes_out_by_itself_and_what_is_paused_is_taken_back(store):
    await store.migrate("0022")
    await store.keep("held", "pending")
    await store.keep("told", "gathered")
    await store.keep("held-paused", "pending", paused=True)
    await store.keep("paused", "pending", paused=True, held=False)

    await store.migrate("0021", down=True)

    assert await store.rows("SELECT user_id, status FROM notification") == {
        ("held", "pending"),
        ("told", "sent"),
        ("held-paused", "pending"),
        ("paused", "pending"),
    }
    due = "SELECT n.user_id, q.due_at = n.deferred_until, q.is_paused FROM notification_queue AS q JOIN notification AS n USING (id)"
    assert await store.rows(due) == {("held", True, False), ("held-paused", None, True), ("paused", None, True)}

    await store.migrate("0018", down=True)

    assert await store.rows("SELECT user_id, status, finished_at IS NULL FROM notification WHERE status <> 'sent'") == {
        ("held", "pending", True),
        ("held-paused", "cancelled", False),
        ("paused", "cancelled", False),
    }
    waits = "SELECT n.user_id FROM notification_queue AS q JOIN notification AS n USING (id)"
    assert await store.rows(waits) == {("held",)}
    await store.migrate("0022")
