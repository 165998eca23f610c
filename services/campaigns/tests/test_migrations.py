"""What the migrations make of rows that were there before."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import make_url

from opsloop_campaigns.app import SERVICE
from opsloop_common import migrations
from opsloop_common.ids import uuid7
from opsloop_common.testing.databases import TestDatabases

ADMIN, WRITER, EDITOR, EARLIER = (f"key:{uuid7()}" for _ in range(4))
KEY = (
    "INSERT INTO api_key (id, workspace, name, scopes, secret_hash, created_by, created_at, source) "
    "VALUES ($1, 'acme', 'k', $2, ''::bytea, 'key:operator', now(), 'k')"
)
PLAYBOOK = (
    "INSERT INTO playbook (id, workspace, name, enabled, event_type, conditions, requires_approval, launch, version, author, "
    "created_at, updated_at) VALUES ($1, 'acme', 'p', true, 'kpi.breached', '[]', $2, '{}', 1, $3, now(), now())"
)
CAMPAIGN = (
    "INSERT INTO campaign (id, workspace, name, status, version, user_ids, audience_size, messages, message_id, "
    "requested_through, author, edited_by, playbook_id, created_at, updated_at) "
    "VALUES ($1, 'acme', 'c', 'pending_approval', 1, '{u}', 1, '[]', $1, '', $2, $3, $4, now(), now())"
)
TOGETHER_SECONDS = (
    6  # for 5,000 campaigns; less than one together, more than ten when each looks for its writers itself
)
AUDIT = (
    "INSERT INTO audit (id, workspace, actor, action, subject, correlationid, at) "
    "VALUES ($1, 'acme', $2, $3, $4, 'c', now())"
)


async def test_what_was_there_gets_its_writers_and_admins_their_approval(databases: TestDatabases):
    url = await databases.create_empty(f"campaigns_{uuid4().hex[:12]}")
    await migrations.upgrade(SERVICE, url, revision="0002")
    found = make_url(url)
    connection = await asyncpg.connect(user=found.username, database=found.database, host=found.query["host"])
    by_admin, by_writer, edited, asking, deleted, by_hand, wanted = (uuid7() for _ in range(7))
    try:
        await connection.execute(KEY, ADMIN.removeprefix("key:"), ["campaigns:admin"])
        await connection.execute(KEY, WRITER.removeprefix("key:"), ["campaigns:write"])
        for id, author, requires in (
            (by_admin, ADMIN, False),
            (by_writer, WRITER, False),
            (edited, ADMIN, False),
            (asking, ADMIN, True),
        ):
            await connection.execute(PLAYBOOK, id, requires, author)
            await connection.execute(AUDIT, uuid7(), author, "playbook.created", f"playbook/{id}")
        await connection.execute(AUDIT, uuid7(), EDITOR, "playbook.updated", f"playbook/{edited}")
        await connection.execute(AUDIT, uuid7(), WRITER, "playbook.created", f"playbook/{deleted}")
        await connection.execute(CAMPAIGN, by_hand, WRITER, EDITOR, None)
        for actor, action in ((WRITER, "created"), (EARLIER, "updated"), (EDITOR, "updated")):
            await connection.execute(AUDIT, uuid7(), actor, f"campaign.{action}", f"campaign/{by_hand}")
        await connection.execute(AUDIT, uuid7(), ADMIN, "campaign.status_changed", f"campaign/{by_hand}")
        await connection.execute(CAMPAIGN, wanted, "system", "system", deleted)
        await connection.execute(AUDIT, uuid7(), "system", "campaign.created", f"campaign/{wanted}")
        await connection.execute(AUDIT, uuid7(), EARLIER, "campaign.updated", f"campaign/{wanted}")
        await migrations.upgrade(SERVICE, url)

        playbooks = {row["id"]: row for row in await connection.fetch("SELECT * FROM playbook")}
        campaigns = {row["id"]: set(row["writers"]) for row in await connection.fetch("SELECT * FROM campaign")}
    finally:
        await connection.close()
        await databases.drop(url)

    approved = {id: row["approved_by"] for id, row in playbooks.items()}
    assert approved == {by_admin: ADMIN, by_writer: None, edited: None, asking: None}
    assert set(playbooks[edited]["writers"]) == {ADMIN, EDITOR}
    assert campaigns == {by_hand: {WRITER, EARLIER, EDITOR}, wanted: {WRITER, EARLIER}}


async def test_the_audit_log_is_read_once_for_all_campaigns(databases: TestDatabases):
    url = await databases.create_empty(f"campaigns_{uuid4().hex[:12]}")
    await migrations.upgrade(SERVICE, url, revision="0002")
    found = make_url(url)
    connection = await asyncpg.connect(user=found.username, database=found.database, host=found.query["host"])
    ids = [(uuid7(), uuid7()) for _ in range(5_000)]  # of a campaign and its playbook
    try:
        await connection.executemany(CAMPAIGN, [(id, "system", EDITOR, playbook) for id, playbook in ids])
        for actor, action in ((WRITER, "created"), (EARLIER, "updated"), (WRITER, "updated")):
            rows = [(uuid7(), actor, f"playbook.{action}", f"playbook/{playbook}") for _, playbook in ids]
            await connection.executemany(AUDIT, rows)
        async with asyncio.timeout(TOGETHER_SECONDS):
            await migrations.upgrade(SERVICE, url)

        [count] = await connection.fetchrow("SELECT count(*) FROM campaign WHERE cardinality(writers) = 3")
    finally:
        await connection.close()
        await databases.drop(url)

    assert count == len(ids)
