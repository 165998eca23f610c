"""A feedback is answered, and talked about among us."""

import pytest


async def test_a_first_reply_opens_and_is_timed_and_later_ones_are_not(desk):
    item = await desk.post(author={"user_id": "u1"})
    path = f"/v1/feedback/{item['id']}/messages"
    desk.api.clock.advance(120)

    note = await desk.client.post(path, json={"kind": "note", "body": "内部备注"}, headers=desk.agent)
    after_note = await desk.get(f"/v1/feedback/{item['id']}")
    desk.api.clock.advance(60)
    reply = await desk.client.post(path, json={"kind": "reply", "body": "您好，已修复"}, headers=desk.agent)
    after_reply = await desk.get(f"/v1/feedback/{item['id']}")
    desk.api.clock.advance(60)
    second = await desk.client.post(path, json={"kind": "reply", "body": "still there?"}, headers=desk.agent)
    listed = await desk.get(path)

    assert (note.status_code, reply.status_code, second.status_code) == (201, 201, 201)
    assert after_note == item
    assert (after_reply["status"], after_reply["first_replied_at"]) == ("open", "2026-11-22T08:03:00Z")
    assert [message["body"] for message in listed["items"]] == ["still there?", "您好，已修复", "内部备注"]
    assert listed["items"][1] == reply.json()
    assert reply.json()["actor"].startswith("key:")
    replied = [event for event in await desk.api.events() if event.type == "feedback.replied"]
    assert [(event.data["is_first"], event.data["reply_seconds"]) for event in replied] == [(True, 180), (False, None)]
    assert replied[0].data["message_id"] == reply.json()["id"]
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
