"""What an author may hear of a conversation, and who is woken by what is said in it."""

from uuid import UUID, uuid4

import pytest

from opsloop_common.db import Context
from opsloop_common.wakeups import wait
from opsloop_feedback.conversations import rules
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.items import service as items

ACME = Context(workspace="acme")


async def hear(desk, id, body, name):
    async with desk.api.db.transaction(ACME) as session:
        return await conversations.add_from_author(session, UUID(id), body=body, channel="widget", external_id=name)


async def answer(desk, id, body, kind="reply"):
    said = await desk.client.post(f"/v1/feedback/{id}/messages", json={"kind": kind, "body": body}, headers=desk.agent)
    assert said.status_code == 201, said.text
    return UUID(said.json()["id"])


async def between(desk, id, after=None, limit=10):
    async with desk.api.db.transaction(ACME) as session:
        feedback = await items.get_feedback(session, UUID(id))
        found = await conversations.said_between(session, feedback, after=after, limit=limit)
        return [(one.said_by, one.body) for one in found]


async def test_an_author_hears_what_is_theirs_and_no_note(desk):
    id = (await desk.post())["id"]
    await hear(desk, id, "by chat", "chat/1/a")
    first = await answer(desk, id, "an answer")
    await answer(desk, id, "among us", kind="note")
    await hear(desk, (await desk.post())["id"], "of another", "chat/2/a")
    await hear(desk, id, "again", "chat/1/b")

    assert await between(desk, id) == [("author", "by chat"), ("staff", "an answer"), ("author", "again")]
    assert await between(desk, id, after=first) == [("author", "again")]
    assert await between(desk, id, limit=2) == [("staff", "an answer"), ("author", "again")]


@pytest.mark.parametrize(
    ("channel", "attributes", "found"),
    [
        ("api", {}, True),
        ("widget", {"chat": True}, True),
        ("widget", {"chat": "yes"}, False),
        ("widget", {}, False),
        ("form", {"chat": True}, False),
    ],
)
def test_where_somebody_reads_what_is_said_to_them(channel, attributes, found):
    assert rules.is_readable(channel, attributes) is found


async def test_who_was_answered_and_when_last(desk):
    answered, noted, silent = [(await desk.post())["id"] for _ in range(3)]
    await answer(desk, answered, "one")
    desk.api.clock.advance(5)
    await answer(desk, answered, "two")
    await answer(desk, noted, "among us", kind="note")
    await hear(desk, silent, "anybody?", "k")

    async with desk.api.db.transaction(ACME) as session:
        found = await conversations.answered_among(session, [UUID(id) for id in (answered, noted, silent)] + [uuid4()])
    assert found == {UUID(answered): desk.api.clock.now()}


async def test_what_is_said_under_a_name_is_known(desk):
    id = (await desk.post())["id"]
    await hear(desk, id, "x", "k")

    async with desk.api.db.transaction(ACME) as session:
        feedback = await items.get_feedback(session, UUID(id))
        assert [await conversations.is_said(session, feedback, name) for name in ("k", "K", "")] == [True, False, False]


@pytest.mark.parametrize("kind", ["reply", "author"])
async def test_who_watches_is_woken_by_what_is_said(desk, kind):
    id = (await desk.post())["id"]
    woken = desk.api.db.wakeups.subscribe(rules.wakeup(UUID(id)))

    await (answer(desk, id, "x") if kind == "reply" else hear(desk, id, "x", "k"))
    assert await wait(woken, 5)
    assert 0 <= int(rules.wakeup(uuid4()).partition("/")[2]) < rules.BUCKETS
