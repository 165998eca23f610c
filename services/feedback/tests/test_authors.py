"""How authors are reached is told with their posts, to whoever sends and to nobody else; whose word it is, is told too."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased, mailbox_user_id
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations.consumers import ERASURES

TYPE = "user.contact_changed"
MAILBOX = mailbox_user_id("acme", "a@example.test")


class Posts:
    """Posts of several sources, and what is told of how their authors are reached."""

    def __init__(self, desk, keys):
        self.desk, self.keys = desk, keys

    async def post(self, by="partner", *, minutes=0, status=201, **fields):
        at = (self.desk.api.clock.now() + timedelta(minutes=minutes)).isoformat()
        body = {"body": "The export fails.", "occurred_at": at} | fields
        answer = await self.desk.client.post("/v1/feedback", json=body, headers=self.keys[by])
        assert answer.status_code == status, answer.text
        return answer.json()

    async def told(self):
        return [event for event in await self.desk.api.events() if event.type == TYPE]

    async def said(self):
        """Return (user, source, whose word, address) of each that was told."""
        found = []
        for event in await self.told():
            claim = event.data["claim"]
            said = claim or event.data
            found.append(
                (event.data["user_id"], event.data["source"], claim["by"] if claim else "server", said["email"])
            )
        return found

    async def rows(self, workspace="acme"):
        async with self.desk.api.db.transaction(Context(workspace=workspace)) as session:
            return (
                await session.execute(text("SELECT user_id, source, said_by, email FROM author ORDER BY 1, 2"))
            ).all()


@pytest.fixture
async def posts(desk):
    admin = await desk.api.key("feedback:admin", "feedback:submit")
    made = await desk.client.post(
        "/v1/api-keys",
        json={"name": "site", "scopes": ["feedback:submit"], "publishable": True, "origins": ["https://shop.example"]},
        headers=admin,
    )
    assert made.status_code == 201, made.text
    keys = {
        "partner": await desk.api.key("feedback:submit", name="partner", source="partner"),
        "other": await desk.api.key("feedback:submit", name="other", source="other"),
        "site": {"Authorization": f"Bearer {made.json()['key']}"},
    }
    return Posts(desk, keys)


def author(email="a@example.test", user_id="u1", **more):
    return {"user_id": user_id, "email": email} | more


async def test_an_address_is_told_once_and_again_when_it_is_another(posts):
    for email in ("a@example.test", "a@example.test", "b@example.test"):
        await posts.post(author=author(email))
    await posts.post(author={"user_id": "u1"})

    assert await posts.said() == [
        ("u1", "feedback/partner", "server", "a@example.test"),
        ("u1", "feedback/partner", "server", "b@example.test"),
    ]
    assert await posts.rows() == [("u1", "partner", "server", "b@example.test")]


async def test_name_and_language_come_along_and_what_is_left_out_is_as_it_was(posts):
    await posts.post(author=author(name="小明"), locale="zh-CN")
    await posts.post(author=author())
    await posts.post(author=author(), locale="en")

    told = [(event.data["full_name"], event.data["locale"]) for event in await posts.told()]
    assert told == [("小明", "zh-CN"), (None, "en")]


async def test_what_comes_late_tells_nothing_and_what_is_said_tomorrow_is_no_newer_than_now(posts):
    await posts.post(author=author("new@example.test"), minutes=60)
    await posts.post(author=author("old@example.test"), minutes=-60)
    await posts.post(author=author("newest@example.test"))

    assert [email for *_, email in await posts.said()] == ["new@example.test", "newest@example.test"]


async def test_what_a_page_says_is_a_claim_and_stands_beside_what_servers_say(posts):
    await posts.post(author=author())
    await posts.post("site", author=author("evil@example.test", name="E"), locale="fr")

    assert (await posts.said())[1] == ("u1", "feedback/site", "visitor", "evil@example.test")
    claimed = (await posts.told())[1].data
    assert (claimed["email"], claimed["locale"], claimed["full_name"]) == (None, None, None)
    assert (claimed["claim"]["locale"], claimed["claim"]["full_name"]) == ("fr", "E")
    assert len(await posts.rows()) == 2


async def test_each_source_has_a_word_of_its_own(posts):
    await posts.post("partner", author=author("p@example.test"))
    await posts.post("other", author=author("o@example.test"))
    await posts.post("partner", author=author("p@example.test"))

    assert await posts.said() == [
        ("u1", "feedback/partner", "server", "p@example.test"),
        ("u1", "feedback/other", "server", "o@example.test"),
    ]


async def test_whom_only_an_address_is_known_of_is_called_by_it_whatever_its_case(posts):
    first = await posts.post(author={"email": "a@example.test"})
    await posts.post(author={"email": "A@Example.test"})

    assert {user for user, *_ in await posts.said()} == {MAILBOX}
    assert "example" not in MAILBOX
    item = await posts.desk.get(f"/v1/feedback/{first['id']}")
    assert item["author"]["user_id"] is None
    [received, _] = [event for event in await posts.desk.api.events() if event.type == "feedback.received"]
    assert received.data["author"] == {"user_id": None, "verified": True}


async def test_a_mailbox_is_named_by_its_own_address_alone(posts):
    await posts.post("site", author=author("evil@example.test", MAILBOX))
    assert await posts.said() == []

    await posts.post("site", author=author("a@example.test", MAILBOX))
    assert await posts.said() == [(MAILBOX, "feedback/site", "visitor", "a@example.test")]


async def test_nothing_of_it_is_in_what_others_hear(posts):
    await posts.post(author=author("secret@example.test", name="Secret"))

    for event in await posts.desk.api.events():
        assert event.partitionkey.endswith("/internal") == (event.type == TYPE)
        if event.type != TYPE:
            assert "ecret" not in str(event.document())


async def test_a_batch_tells_the_newest_of_each_once_and_of_new_posts_alone(posts):
    at = posts.desk.api.clock.now()
    rows = [
        {
            "body": "b",
            "external_id": str(n),
            "author": author(f"{n}@example.test"),
            "occurred_at": (at - timedelta(minutes=abs(n - 3))).isoformat(),
        }
        for n in range(6)
    ]
    for _ in range(2):
        answer = await posts.desk.client.post("/v1/feedback:batch", json={"items": rows}, headers=posts.keys["partner"])
        assert answer.status_code == 200, answer.text

    assert await posts.said() == [("u1", "feedback/partner", "server", "3@example.test")]


async def test_a_post_that_is_sent_again_tells_nothing_again(posts):
    same = {"author": author(), "external_id": "e-1"}
    first = await posts.post(**same)
    await posts.post(author=author("b@example.test"))
    again = await posts.post(status=200, **same)

    assert again["id"] == first["id"]
    assert [email for *_, email in await posts.said()] == ["a@example.test", "b@example.test"]


async def test_with_an_idempotency_key_the_answer_is_the_same_and_nothing_is_told_twice(posts):
    body, headers = {"body": "b", "author": author()}, posts.keys["partner"] | {"Idempotency-Key": "k"}
    first, again = [await posts.desk.client.post("/v1/feedback", json=body, headers=headers) for _ in range(2)]

    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.headers["location"] == again.headers["location"]
    assert len(await posts.said()) == 1


async def test_who_is_signed_in_says_it_of_themselves_and_it_is_a_claim_too(posts):
    posts.keys["user"] = await posts.desk.api.user("u1")

    await posts.post("user", author={"email": "a@example.test"})

    assert await posts.said() == [("u1", "feedback/users", "user", "a@example.test")]


async def test_posts_that_come_at_once_tell_an_address_once(posts):
    await asyncio.gather(*(posts.post(author=author(), external_id=str(n)) for n in range(8)))

    assert await posts.said() == [("u1", "feedback/partner", "server", "a@example.test")]


def erased(*user_ids, workspace="acme"):
    return make_event(UserErased(erasure_id=uuid4(), user_id=user_ids[0], user_ids=list(user_ids)), workspace=workspace)


async def test_after_an_erasure_it_is_told_in_the_same_stream_that_nothing_is_left(posts):
    await posts.post(author=author())
    await posts.post(author=author("v@example.test", "v"))
    event = erased("u1", "never met")

    for _ in range(2):
        await deliver(posts.desk.api.db, ERASURES, event)

    first, _, gone = await posts.told()
    assert (gone.data["user_id"], gone.data["is_gone"], gone.data["email"]) == ("u1", True, None)
    assert (gone.partitionkey, gone.sequence) == (first.partitionkey, 2)
    assert first.data["email"] is None, "whoever has not heard it hears nothing of them"
    assert [row.user_id for row in await posts.rows()] == ["v"]


async def test_who_was_erased_may_write_again_and_is_told_of_anew(posts):
    await posts.post(author=author())
    await deliver(posts.desk.api.db, ERASURES, erased("u1"))

    await posts.post(author=author())

    assert [event.sequence for event in await posts.told()] == [1, 2, 3]
    assert [row.email for row in await posts.rows()] == ["a@example.test"]


async def test_who_is_known_by_an_address_alone_is_erased_by_what_they_are_called(posts):
    theirs = await posts.post(author={"email": "A@example.test", "name": "MARK"}, title="MARK")
    named = await posts.post(author=author("a@example.test"))

    await deliver(posts.desk.api.db, ERASURES, erased(MAILBOX))

    left = await posts.desk.get(f"/v1/feedback/{theirs['id']}")
    assert (left["body"], left["title"], left["author"]["email"]) == ("", None, None)
    assert (await posts.desk.get(f"/v1/feedback/{named['id']}"))["author"]["email"] == "a@example.test"
    assert [row.user_id for row in await posts.rows()] == ["u1"]


async def test_a_foreign_workspace_has_its_own(posts):
    await posts.post(author=author())

    await deliver(posts.desk.api.db, ERASURES, erased("u1", workspace="other"))

    assert len(await posts.rows()) == 1
    assert await posts.rows("other") == []
