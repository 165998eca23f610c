"""A feedback is answered, and talked about among us."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from opsloop_common.contracts.notifications import NotificationSent
from opsloop_common.db import Context
from opsloop_common.errors import NotFound
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.conversations.consumers import DELIVERIES


async def went_out(desk, message):
    """Hear that the mail server took a reply."""
    about = {"notification_id": uuid4(), "message_id": message["id"], "user_id": "u1", "channel": "email"}
    event = make_event(NotificationSent(**about), time=desk.api.clock.now())
    await deliver(desk.api.db, DELIVERIES, event)


async def test_a_first_reply_opens_and_is_timed_and_later_ones_are_not(desk):
    item = await desk.post(author={"user_id": "u1"})
    path = f"/v1/feedback/{item['id']}/messages"
    desk.api.clock.advance(120)

    note = await desk.client.post(path, json={"kind": "note", "body": "内部备注"}, headers=desk.agent)
    after_note = await desk.get(f"/v1/feedback/{item['id']}")
    desk.api.clock.advance(60)
    reply = await desk.client.post(path, json={"kind": "reply", "body": "您好，已修复"}, headers=desk.agent)
    await went_out(desk, reply.json())
    after_reply = await desk.get(f"/v1/feedback/{item['id']}")
    desk.api.clock.advance(60)
    second = await desk.client.post(path, json={"kind": "reply", "body": "still there?"}, headers=desk.agent)
    await went_out(desk, second.json())
    listed = await desk.get(path)

    assert (note.status_code, reply.status_code, second.status_code) == (201, 201, 201)
    assert after_note == item
    assert (after_reply["status"], after_reply["first_replied_at"]) == ("open", "2026-11-22T08:03:00Z")
    assert [message["body"] for message in listed["items"]] == ["still there?", "您好，已修复", "内部备注"]
    out = {"delivery": "sent", "channel": "email", "sent_at": "2026-11-22T08:03:00Z"}
    assert listed["items"][1] == reply.json() | out
    assert reply.json()["actor"].startswith("key:")
    replied = [event for event in await desk.api.events() if event.type == "feedback.replied"]
    assert [(event.data["is_first"], event.data["reply_seconds"]) for event in replied] == [(True, 180), (False, None)]
    assert replied[0].data["message_id"] == reply.json()["id"]
    assert {event.data["source"] for event in replied} == {item["source"]}
    assert "内部备注" not in "".join(event.to_bytes().decode() for event in await desk.api.events())


async def test_a_reply_leaves_what_is_at_work_where_it_is(desk):
    for status in ("pending", "snoozed", "resolved", "closed"):
        item = await desk.post()
        await desk.patch(item["id"], status=status)
        path = f"/v1/feedback/{item['id']}/messages"
        answer = await desk.client.post(path, json={"kind": "reply", "body": "r"}, headers=desk.agent)
        assert answer.status_code == 201
        assert (await desk.get(f"/v1/feedback/{item['id']}"))["status"] == status


@pytest.mark.parametrize(
    "message", [{}, {"kind": "reply"}, {"kind": "reply", "body": " "}, {"kind": "shout", "body": "b"}, {"body": "b"}]
)
async def test_malformed_messages_are_refused(desk, message):
    item = await desk.post()

    answer = await desk.client.post(f"/v1/feedback/{item['id']}/messages", json=message, headers=desk.agent)

    assert answer.status_code == 422


async def test_a_reply_sent_again_with_its_key_is_one_reply(desk):
    item = await desk.post()
    headers = desk.agent | {"Idempotency-Key": "k"}

    for _ in range(2):
        answer = await desk.client.post(
            f"/v1/feedback/{item['id']}/messages", json={"kind": "reply", "body": "r"}, headers=headers
        )
        assert answer.status_code == 201

    assert await desk.types() == ["feedback.received", "feedback.replied"]


async def test_messages_of_unknown_feedback_are_not_found(desk):
    path = "/v1/feedback/01980000-0000-7000-8000-000000000000/messages"

    answers = [
        await desk.client.get(path, headers=desk.agent),
        await desk.client.post(path, json={"kind": "note", "body": "n"}, headers=desk.agent),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


async def hear(desk, feedback_id, body="It still fails.", workspace="acme", **about):
    """Write down what the author said, as a room does to which they spoke."""
    async with desk.api.db.transaction(Context(workspace=workspace)) as session:
        about = {"channel": "email"} | about
        return await conversations.add_from_author(session, UUID(feedback_id), body=body, **about)


async def test_what_the_author_says_stands_in_the_conversation_once_by_its_key(desk):
    item = await desk.post()

    first = await hear(desk, item["id"], external_id="<m1@example.test>")
    again = await hear(desk, item["id"], "other words", external_id="<m1@example.test>")
    other = await hear(desk, (await desk.post())["id"], external_id="<m1@example.test>")
    unnamed = [await hear(desk, item["id"], channel="widget") for _ in range(2)]

    assert again.id == first.id != other.id
    listed = (await desk.get(f"/v1/feedback/{item['id']}/messages"))["items"]
    assert [each["id"] for each in listed] == [str(each.id) for each in (*reversed(unnamed), first)]
    said = ("kind", "said_by", "channel", "external_id", "delivery", "body")
    assert [listed[2][name] for name in said] == [
        *("reply", "author", "email", "<m1@example.test>", "none", "It still fails.")
    ]


async def test_two_that_bring_the_same_at_once_bring_it_once(desk):
    item = await desk.post()

    made = await asyncio.gather(*(hear(desk, item["id"], external_id="k") for _ in range(4)))

    assert len({each.id for each in made}) == 1
    assert len((await desk.get(f"/v1/feedback/{item['id']}/messages"))["items"]) == 1


@pytest.mark.parametrize(
    ("status", "after", "told"),
    [
        ("new", "new", []),
        ("open", "open", []),
        ("pending", "open", []),
        ("snoozed", "open", []),
        ("resolved", "open", ["feedback.resolved", "feedback.reopened"]),
        ("closed", "open", ["feedback.reopened"]),
    ],
)
async def test_who_answers_has_what_waited_or_was_finished_worked_on_again(desk, status, after, told):
    item = await desk.post()
    if status != "new":
        await desk.patch(item["id"], status=status)
    before = await desk.client.get(f"/v1/feedback/{item['id']}", headers=desk.agent)

    await hear(desk, item["id"])

    now = await desk.client.get(f"/v1/feedback/{item['id']}", headers=desk.agent)
    assert now.json()["status"] == after
    assert now.headers["etag"] != before.headers["etag"]
    assert (await desk.types())[1:] == told


async def test_who_answers_is_promised_another_reply(china):
    path = await china.post("2026-11-25T09:00")
    await china.reply(path)
    china.at("2026-11-25T10:00")

    await hear(china.desk, path.rpartition("/")[2])

    assert await china.clocks(path) == {"first_reply": "met", "next_reply": "running", "resolution": "running"}
    assert await china.due(path) == "Wed 11-25 12:00"
    await hear(china.desk, path.rpartition("/")[2])
    assert len((await china.desk.get(f"{path}/clocks"))["items"]) == 3


async def test_what_is_said_to_a_merged_one_lands_where_it_was_merged_into(desk):
    one, target = await desk.post(), await desk.post()
    await hear(desk, one["id"], "before", external_id="k0")
    await desk.patch(target["id"], status="pending")
    answer = await desk.client.post(f"/v1/feedback/{one['id']}/merge", json={"into": target["id"]}, headers=desk.agent)
    assert answer.status_code == 200

    made = [await hear(desk, one["id"], external_id=key) for key in ("k0", "k1", "k1")]

    assert [str(each.feedback_id) for each in made] == [one["id"], target["id"], target["id"]]
    assert (await desk.get(f"/v1/feedback/{target['id']}"))["status"] == "open"
    assert (await desk.get(f"/v1/feedback/{one['id']}"))["status"] == "merged"


async def test_nobody_speaks_in_another_workspace_nor_in_what_is_not_there(desk):
    item = await desk.post()

    for feedback_id, workspace in ((item["id"], "other"), ("01980000-0000-7000-8000-000000000000", "acme")):
        with pytest.raises(NotFound):
            await hear(desk, feedback_id, workspace=workspace)


async def test_the_database_holds_who_speaks_and_what_goes_out(desk):
    item = await desk.post()
    for wrong in ({"said_by": "nobody"}, {"kind": "note"}, {"delivery": "sent"}, {"delivery": "waiting"}):
        with pytest.raises(IntegrityError):
            async with desk.api.db.transaction(Context(workspace="acme")) as session:
                message = await conversations.add_from_author(session, UUID(item["id"]), body="b", channel="email")
                for name, value in wrong.items():
                    setattr(message, name, value)
