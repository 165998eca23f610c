"""What version 2 of the plumbing makes of keys that were there before."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from opsloop_common import migrations
from opsloop_common.access.keys import source_from
from opsloop_common.ids import uuid7
from opsloop_common.testing.databases import TestDatabases
from opsloop_common.testing.sample.service import SAMPLE

INSERT = (
    "INSERT INTO api_key (id, workspace, name, scopes, secret_hash, created_by, created_at) "
    "VALUES ($1, 'acme', $2, '{}', ''::bytea, $3, now())"
)
NAMES = ("Partner A", "  --Mobile_App (iOS)--  ", "合作伙伴", "x" * 80, "a" * 62 + " b", "...")


@pytest.mark.parametrize(
    ("parent_ends", "parent_revoked", "child_ends", "has_parent"),
    [
        (None, False, None, True),
        (None, False, "2 hours", True),
        (None, True, None, False),
        ("-1 hours", False, None, False),
        ("-1 hours", False, "-2 hours", False),
        ("2 hours", False, "1 hour", True),
        ("2 hours", False, "2 hours", True),
        ("2 hours", False, "3 hours", False),
        ("2 hours", False, None, False),
    ],
)
async def test_an_old_key_keeps_its_own_end(
    databases: TestDatabases, parent_ends: str | None, parent_revoked: bool, child_ends: str | None, has_parent: bool
):
    url = await databases.create_empty(f"plumbing_{uuid4().hex[:12]}")
    await migrations.upgrade(SAMPLE, url, revision="0001")
    found = make_url(url)
    connection = await asyncpg.connect(user=found.username, database=found.database, host=found.query["host"])
    parent, child = uuid7(), uuid7()
    try:
        for id, maker, ends in ((parent, "key:operator", parent_ends), (child, f"key:{parent}", child_ends)):
            await connection.execute(INSERT, id, "k", maker)
            await connection.execute(
                "UPDATE api_key SET expires_at = date_trunc('hour', now()) + $2::text::interval WHERE id = $1", id, ends
            )
        if parent_revoked:
            await connection.execute("UPDATE api_key SET revoked_at = now() WHERE id = $1", parent)
        await migrations.upgrade(SAMPLE, url)

        stored = await connection.fetchval("SELECT parent_id FROM api_key WHERE id = $1", child)
    finally:
        await connection.close()
        await databases.drop(url)

    assert stored == (parent if has_parent else None)


async def test_old_keys_get_a_source_and_their_parent(databases: TestDatabases):
    url = await databases.create_empty(f"plumbing_{uuid4().hex[:12]}")
    await migrations.upgrade(SAMPLE, url, revision="0001")
    found = make_url(url)
    connection = await asyncpg.connect(user=found.username, database=found.database, host=found.query["host"])
    ids = {name: uuid7() for name in NAMES}
    child, operator = uuid7(), uuid7()
    try:
        for name, id in ids.items():
            await connection.execute(INSERT, id, name, "key:operator")
        await connection.execute(INSERT, child, "child", f"key:{ids['Partner A']}")
        await connection.execute(INSERT, operator, "Operator", "key:operator")
        await migrations.upgrade(SAMPLE, url)

        rows = {row["id"]: row for row in await connection.fetch("SELECT id, source, parent_id FROM api_key")}
    finally:
        await connection.close()
        await databases.drop(url)

    assert {name: rows[id]["source"] for name, id in ids.items()} == {
        name: source_from(name, ids[name]) for name in NAMES
    }
    assert rows[operator]["source"] == f"key-{str(operator)[-8:]}"
    assert rows[child]["parent_id"] == ids["Partner A"]
    assert all(rows[id]["parent_id"] is None for id in ids.values())


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("Partner A", "partner-a"),
        ("  --Mobile_App (iOS)--  ", "mobile-app-ios"),
        ("x" * 80, "x" * 63),
        ("a" * 62 + " b", "a" * 62),
    ],
)
def test_a_source_made_from_a_name(name: str, source: str):
    assert source_from(name, uuid7()) == source


def test_a_name_without_latin_letters_takes_the_end_of_the_id():
    id = uuid7()

    assert source_from("合作伙伴", id) == f"key-{str(id)[-8:]}"
