"""Who wrote before there were persons is found as if it had been heard of."""

from importlib import import_module

from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.events import deliver
from opsloop_feedback.people.consumers import PEOPLE

MIGRATION = import_module("opsloop_feedback.migrations.versions.0021_people")
STATEMENTS = ("_PEOPLE", "_IDENTITIES", "_SUGGESTIONS", "_CLAIMS")
SEEN = (
    "SELECT known_by, is_verified::text, name, '' FROM person UNION ALL "
    "SELECT p.known_by, i.source, i.channel, i.email FROM person_identity AS i JOIN person AS p ON p.id = i.person_id UNION ALL "
    "SELECT s.reason, least(a.known_by || a.is_verified, b.known_by || b.is_verified), "
    "greatest(a.known_by || a.is_verified, b.known_by || b.is_verified), '' FROM person_suggestion AS s "
    "JOIN person AS a ON a.id = s.person_id JOIN person AS b ON b.id = s.other_id"
)


async def seen(session):
    return sorted(tuple(map(str, row)) for row in await session.execute(text(SEEN)))


async def test_the_migration_finds_whom_the_consumer_would(desk):
    admin = await desk.api.key("feedback:admin")
    asked = {"name": "site", "scopes": ["feedback:submit"], "publishable": True, "origins": ["https://shop.example"]}
    made = (await desk.client.post("/v1/api-keys", json=asked, headers=admin)).json()
    page = {"Authorization": f"Bearer {made['key']}", "Origin": "https://shop.example"}
    await desk.post(author={"user_id": "u1", "email": "A@example.test", "name": "李雷"})
    desk.api.clock.advance(1)
    await desk.post(author={"user_id": "u1", "name": "later"}, channel="email")
    await desk.post(author={"user_id": "u2", "email": "a@example.test"})
    await desk.post(author={"email": "a@Example.test"})
    await desk.post()
    claim = {"body": "b", "author": {"user_id": "u1", "email": "c@example.test"}}
    assert (await desk.client.post("/v1/feedback", json=claim, headers=page)).status_code == 201
    await deliver(desk.api.db, PEOPLE, *await desk.api.events())

    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        heard = await seen(session)
        await session.execute(text("DELETE FROM person"))
        assert await seen(session) == []
        for name in STATEMENTS:
            await session.execute(
                text(getattr(MIGRATION, name).replace("'id:", "'id\\:").replace("'mail:", "'mail\\:"))
            )
        found = await seen(session)

    assert found == heard
    assert len(found) > 10
