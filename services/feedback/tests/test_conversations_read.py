"""Who posted a feedback reads how far we are and what was said to its author; whoever replies to what has moved on is told so."""

from uuid import UUID

import pytest

from opsloop_common.db import Context
from opsloop_feedback.conversations import service as conversations

STATE = {"id", "number", "status", "external_id", "channel", "source", "created_at"}
SAID = {"id", "body", "said_by", "delivery", "sent_at", "created_at"}


async def say(desk, id, body, kind="reply", expect=201, **headers):
    answer = await desk.client.post(
        f"/v1/feedback/{id}/messages", json={"kind": kind, "body": body}, headers=desk.agent | headers
    )
    assert answer.status_code == expect, answer.text
    return answer.json()


async def answer(desk, id, body):
    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        await conversations.add_from_author(session, UUID(id), body=body, channel="api")


async def posted(desk, who, **fields):
    made = await desk.client.post("/v1/feedback", json={"body": "b"} | fields, headers=who)
    assert made.status_code == 201
    return made.json()["id"]


@pytest.fixture
async def partners(desk):
    return [await desk.api.key("feedback:submit", name=name, source=name) for name in ("one", "other")]


async def test_a_partner_reads_the_state_and_the_replies_of_its_own_posts_alone(desk, partners):
    one, other = partners
    id = await posted(desk, one, external_id="7", author={"name": "Li"})
    await say(desk, id, "we look")
    await say(desk, id, "only us", kind="note")
    await answer(desk, id, "thanks")
    await desk.patch(id, status="resolved")

    state = await desk.client.get(f"/v1/feedback/{id}", headers=one)
    said = await desk.client.get(f"/v1/feedback/{id}/messages", headers=one)

    assert set(state.json()) == STATE
    assert (state.json()["status"], state.json()["external_id"]) == ("resolved", "7")
    assert [set(each) for each in said.json()["items"]] == [SAID] * 2
    assert [(each["said_by"], each["body"], each["delivery"]) for each in said.json()["items"]] == [
        ("author", "thanks", "none"),
        ("staff", "we look", "readable"),
    ]
    for path in (f"/v1/feedback/{id}", f"/v1/feedback/{id}/messages"):
        strangers = [other, await desk.api.key("feedback:submit", workspace="elsewhere", source="one")]
        assert [(await desk.client.get(path, headers=who)).status_code for who in strangers] == [404, 404]
        barred = [await desk.api.publishable(), await desk.api.user("u1"), {}]
        assert [(await desk.client.get(path, headers=who)).status_code for who in barred] == [403, 403, 401]
    listed = await desk.client.get("/v1/feedback", headers=one)
    assert listed.status_code == 403


async def test_of_what_stands_for_others_each_partner_reads_its_own_part(desk, partners):
    one, other = partners
    first, second = await posted(desk, one), await posted(desk, other)
    await say(desk, first, "before")
    await desk.client.post(f"/v1/feedback/{first}/merge", json={"into": second}, headers=desk.agent)
    await say(desk, first, "to the first")
    await say(desk, second, "to the second")
    await answer(desk, first, "from the first")

    said = [
        [each["body"] for each in (await desk.client.get(f"/v1/feedback/{id}/messages", headers=who)).json()["items"]]
        for id, who in ((first, one), (second, other))
    ]

    assert said == [["from the first", "to the first", "before"], ["to the second"]]
    assert (await desk.client.get(f"/v1/feedback/{first}", headers=one)).json()["status"] == "merged"
    everything = await desk.get(f"/v1/feedback/{second}/messages")
    assert [each["body"] for each in everything["items"]] == ["from the first", "to the second", "to the first"]


@pytest.mark.parametrize("moved", ["reply", "answer", "change"])
@pytest.mark.parametrize("kind", ["reply", "note"])
async def test_who_has_not_seen_what_was_said_since_is_told_so(desk, moved, kind):
    item = await desk.post()
    seen = (await desk.client.get(f"/v1/feedback/{item['id']}", headers=desk.agent)).headers["etag"]
    if moved == "reply":
        await say(desk, item["id"], "first")
    elif moved == "answer":
        await answer(desk, item["id"], "it fails again")
    else:
        await desk.patch(item["id"], status="pending")

    await say(desk, item["id"], "late", kind, 412, **{"If-Match": seen})

    now = (await desk.client.get(f"/v1/feedback/{item['id']}", headers=desk.agent)).headers["etag"]
    await say(desk, item["id"], "seen", kind, 201, **{"If-Match": now})
    bodies = [each["body"] for each in (await desk.get(f"/v1/feedback/{item['id']}/messages"))["items"]]
    assert "late" not in bodies


async def test_a_note_takes_nobody_by_surprise(desk):
    item = await desk.post()
    seen = (await desk.client.get(f"/v1/feedback/{item['id']}", headers=desk.agent)).headers["etag"]
    await say(desk, item["id"], "for us", kind="note")

    await say(desk, item["id"], "reply", "reply", 201, **{"If-Match": seen})


async def test_what_was_merged_is_answered_in_the_version_that_was_seen(desk):
    one, target = await desk.post(), await desk.post()
    seen = (await desk.client.get(f"/v1/feedback/{one['id']}", headers=desk.agent)).headers["etag"]
    await desk.client.post(f"/v1/feedback/{one['id']}/merge", json={"into": target["id"]}, headers=desk.agent)

    await say(desk, one["id"], "late", "reply", 412, **{"If-Match": seen})

    now = (await desk.client.get(f"/v1/feedback/{one['id']}", headers=desk.agent)).headers["etag"]
    assert (await say(desk, one["id"], "seen", "reply", 201, **{"If-Match": now}))["feedback_id"] == target["id"]
