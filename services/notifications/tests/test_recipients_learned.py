"""What is learned of people from traits beside what is known of their address; and people who were there before."""

from __future__ import annotations

import json
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from opsloop_common import migrations
from opsloop_common.contracts.users import UserContactChanged
from opsloop_common.testing.databases import TestDatabases
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.app import SERVICE
from opsloop_notifications.consent.consumers import CONTACTS
from opsloop_notifications.recipients.rules import person_id

BEFORE = (
    "INSERT INTO recipient (workspace, user_id, email, locale, is_by_hand, version, created_at, updated_at) "
    "VALUES ($1, $2, 'x@example.test', 'en', true, 1, now(), now())"
)


class Book:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def hear(self, **told):
        data = UserContactChanged(contact_id=uuid4(), user_id="u1", **told)
        await deliver(self.service.db, CONTACTS, make_event(data))

    async def call(self, method, path="/v1/recipients/u1", **options):
        answer = await self.service.client.request(method, path, headers=self.key, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def shown(self, *names):
        found = await self.call("GET")
        return tuple(found[name] for name in names)


@pytest.fixture
async def book(service):
    return Book(service, await service.key())


async def test_another_address_is_as_well_known_as_its_teller_and_the_same_as_before(book):
    await book.hear(email="a@example.test")
    assert await book.shown("state", "name", "time_zone") == ("confirmed", None, None)
    await book.call("POST", "/v1/suppressions", json={"address": "a@example.test", "reason": "hard_bounce"})

    await book.hear(locale="zh-CN")
    await book.hear(email="a@example.test")
    assert await book.shown("state", "locale") == ("bounced", "zh-CN")

    await book.hear(email="b@example.test")
    assert await book.shown("state", "email") == ("confirmed", "b@example.test")


async def test_traits_change_nothing_of_what_people_want(book):
    await book.hear(email="a@example.test")
    wanted = {
        "topics": [{"topic": "news", "channel": "email", "is_on": False, "digest": None}],
        "quiet_hours": {"start": "22:00", "end": "08:00"},
    }
    await book.call("PUT", "/v1/recipients/u1/preferences", json=wanted)

    await book.hear(email="b@example.test")

    assert await book.call("GET", "/v1/recipients/u1/preferences") == {"user_id": "u1"} | wanted
    assert await book.shown("email", "is_by_hand") == ("b@example.test", False), "to want something is not to be put"


@pytest.mark.parametrize("change", [{"email": "hand@example.test"}, {"name": "First reader"}, {"state": "unconfirmed"}])
async def test_whoever_changes_one_field_takes_over_as_whoever_puts_all(book, change):
    await book.hear(email="a@example.test")
    await book.call("PATCH", json=change)

    await book.hear(email="b@example.test")

    assert await book.shown("email", "is_by_hand") == (change.get("email", "a@example.test"), True)


async def test_who_followed_traits_before_follows_them_and_no_partner(databases: TestDatabases):
    url = await databases.create_empty(f"notifications_{uuid4().hex[:12]}")
    await migrations.upgrade(SERVICE, url, revision="0024")
    found = make_url(url)
    connection = await asyncpg.connect(user=found.username, database=found.database, host=found.query["host"])
    insert = (
        "INSERT INTO recipient (workspace, user_id, person_id, email, state, locale, wanted, digests, is_by_hand, version, "
        "created_at, updated_at) VALUES ('acme', $1, gen_random_uuid(), $2, 'confirmed', $3, '{}', '{}', $4, 1, now(), now())"
    )
    people = [
        ("traits", "a@example.test", None, False),
        ("hand", "b@example.test", "en", True),
        ("locale", None, "en", False),
    ]
    try:
        for each in people:
            await connection.execute(insert, *each)
        await migrations.upgrade(SERVICE, url)
        rows = await connection.fetch("SELECT user_id, learned FROM recipient")
    finally:
        await connection.close()

    teller = {"source": "traits", "by": "server", "at": None}
    learned = {row["user_id"]: json.loads(row["learned"]) for row in rows}
    assert learned == {"traits": {"email": teller}, "hand": {}, "locale": {"locale": teller}}


async def test_who_was_there_before_has_the_id_that_links_carry_and_counts_as_confirmed(databases: TestDatabases):
    url = await databases.create_empty(f"notifications_{uuid4().hex[:12]}")
    await migrations.upgrade(SERVICE, url, revision="0006")
    found = make_url(url)
    connection = await asyncpg.connect(user=found.username, database=found.database, host=found.query["host"])
    people = [("acme", "u1"), ("acme", "支付/u 2"), ("other", "u1")]
    try:
        for workspace, user_id in people:
            await connection.execute(BEFORE, workspace, user_id)
        await migrations.upgrade(SERVICE, url)
        rows = {(row["workspace"], row["user_id"]): row for row in await connection.fetch("SELECT * FROM recipient")}
    finally:
        await connection.close()

    assert {key: row["person_id"] for key, row in rows.items()} == {key: person_id(*key) for key in people}
    assert {(row["state"], row["wanted"], row["time_zone"]) for row in rows.values()} == {("confirmed", "{}", None)}
