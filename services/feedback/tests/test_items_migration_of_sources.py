"""What was posted before keys had a source gets one, and stays findable by who posts it again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest_asyncio
from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from opsloop_common import database_address
from opsloop_common.ids import uuid7
from opsloop_common.migrations import config_for
from opsloop_common.testing.databases import TestDatabases
from opsloop_feedback.app import SERVICE

KEY = text(
    "INSERT INTO api_key (id, workspace, name, scopes, secret_hash, created_by, created_at) "
    "VALUES (:id, :workspace, :name, :scopes, '', 'key:operator', now())"
)
POST = (
    "INSERT INTO feedback (id, workspace, body, kind, severity, sentiment, triage, channel, external_id, tags, attributes, "
    "occurred_at, created_at, updated_at, search_text{columns}) VALUES (:id, :workspace, 'b', 'bug', 's1', 0, '{{}}', 'api', "
    ":external_id, '{{}}', '{{}}', now(), now() + :later * interval '1 second', now(), 'b'{values})"
)
EVENT = text(
    "INSERT INTO outbox (event_id, stream, seq, type, payload) VALUES (:id, :stream, 1, 'feedback.received', :payload)"
)


@dataclass
class Store:
    """A database whose schema is made by an ordinary role: row-level security holds it too, as in a careful deployment."""

    connection: AsyncConnection
    owner: str

    async def migrate(self, revision: str, *, down: bool = False) -> None:
        def run(connection):
            connection.execute(text(f"SET ROLE {self.owner}"))
            (command.downgrade if down else command.upgrade)(config_for(SERVICE, connection), revision)
            connection.execute(text("RESET ROLE"))

        await self.connection.run_sync(run)

    async def key(self, workspace: str, name: str, *scopes: str) -> str:
        id = uuid7()
        values = {"id": id, "workspace": workspace, "name": name, "scopes": list(scopes)}
        await self.connection.execute(KEY, values)
        return f"key:{id}"

    async def post(
        self,
        workspace: str,
        external_id: str | None = None,
        *,
        actor: str | None = None,
        later: int = 0,
        **more: object,
    ) -> UUID:
        """Store a post as it once was; `actor` sent it, None when its event is no longer kept."""
        id = uuid7()
        statement = POST.format(
            columns="".join(f", {name}" for name in more), values="".join(f", :{name}" for name in more)
        )
        values = {"id": id, "workspace": workspace, "external_id": external_id, "later": later, **more}
        await self.connection.execute(text(statement), values)
        if actor is not None:
            payload = json.dumps({"workspace": workspace, "actor": actor, "data": {"tags": ['"actor":"key:x"']}})
            await self.connection.execute(EVENT, {"id": uuid4(), "stream": f"feedback/{id}", "payload": payload})
        return id

    async def column(self, name: str) -> dict[UUID, object]:
        rows = await self.connection.execute(text(f"SELECT id, {name} AS value FROM feedback"))
        return {row.id: row.value for row in rows}


@pytest_asyncio.fixture
async def store(databases: TestDatabases) -> AsyncIterator[Store]:
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


async def test_each_post_goes_to_who_sent_it_as_far_as_that_is_kept(store: Store):
    await store.migrate("0001")  # 0002 makes the sources of its keys from their names
    a = await store.key("acme", "Partner A", "feedback:submit")
    b = await store.key("acme", "Partner B", "feedback:write", "feedback:read")
    await store.key("solo", "Only one", "feedback:submit")
    await store.key("solo", "Only one", "feedback:admin")
    await store.key("solo", "Reader", "feedback:read")
    person = await store.key("mixed", "Partner", "feedback:submit")
    expected = {
        await store.post("acme", "1", actor=a): "partner-a",
        await store.post("acme", "2", actor=b): "partner-b",
        await store.post("acme", "3", actor="user:desk@acme"): "people",
        await store.post("acme", "4"): "unattributed",
        await store.post("acme"): "unattributed",
        await store.post("solo", "1"): "only-one",
        await store.post("solo", "2", actor=f"key:{uuid7()}"): "only-one",  # a key that is gone
        await store.post("solo", "3", actor="system"): "only-one",
        await store.post("mixed", "1", actor=person): "partner",
        await store.post("mixed", "2", actor="user:u"): "people",
        await store.post("mixed", "3"): "unattributed",
        await store.post("keyless", "1"): "unattributed",
        await store.post("default", "1", actor="key:operator"): "operator",
        await store.post("default", "2"): "operator",
    }

    await store.migrate("0003")

    assert await store.column("source") == expected
    assert set((await store.column("author_verified")).values()) == {True}
    assert set((await store.column("version")).values()) == {1}


async def test_the_operator_is_not_guessed_beside_a_partner(store: Store):
    await store.migrate("0001")
    await store.key("default", "partner", "feedback:submit")
    posts = [await store.post("default", "1", actor="key:operator"), await store.post("default", "2")]

    await store.migrate("0003")

    assert await store.column("source") == {posts[0]: "operator", posts[1]: "unattributed"}


async def test_on_the_way_back_the_oldest_keeps_a_shared_external_id(store: Store):
    await store.migrate("0003")
    mine = {"source": "partner-a", "author_verified": True}
    theirs = {"source": "partner-b", "author_verified": False}
    second = await store.post("acme", "1", later=1, **theirs)
    first = await store.post("acme", "1", **mine)
    others = [await store.post("acme", "2", **theirs), await store.post("other", "1", **mine)]
    nameless = await store.post("acme", **mine)

    await store.migrate("0002", down=True)

    assert await store.column("external_id") == {
        first: "1", second: None, others[0]: "2", others[1]: "1", nameless: None
    }  # fmt: skip
    await store.migrate("0003")
    forced = await store.connection.scalar(
        text("SELECT relforcerowsecurity FROM pg_class WHERE oid = 'feedback'::regclass")
    )
    assert forced is True
