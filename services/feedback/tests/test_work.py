"""Feedback is sorted, assigned, moved on and told of."""

import pytest


async def test_a_change_bumps_the_version_and_tells_what_changed(desk):
    item = await desk.post(area="export")
    desk.api.clock.advance(60)

    changed = await desk.patch(item["id"], severity="s2", tags=["excel"], assignee="agent-1", team="core", title="导出")

    assert (changed["severity"], changed["tags"], changed["assignee"]) == ("s2", ["excel"], "agent-1")
    assert changed["updated_at"] == "2026-11-22T08:01:00Z"
    assert changed["triage"]["severity"] == "s3"
    received, classified, assigned = await desk.api.events()
    assert [received.sequence, classified.sequence, assigned.sequence] == [1, 2, 3]
    assert classified.type == "feedback.classified"
    assert classified.data["changed"] == ["severity", "tags"]
    assert (classified.data["severity"], classified.data["tags"], classified.data["area"]) == (
        "s2",
        ["excel"],
        "export",
    )
    assert assigned.type == "feedback.assigned"
    assert (assigned.data["assignee"], assigned.data["team"]) == ("agent-1", "core")


async def test_what_is_so_already_changes_nothing(desk):
    item = await desk.post(tags=["a"])

    same = await desk.patch(item["id"], status="new", tags=["a"], kind=item["kind"], sentiment=item["sentiment"])
    empty = await desk.patch(item["id"])

    assert same == empty == item
    assert await desk.types() == ["feedback.received"]


async def test_null_empties_a_field_that_may_be_empty_and_no_other(desk):
    item = await desk.post(title="t", area="a")
    await desk.patch(item["id"], assignee="x", due_at="2026-12-01T00:00:00+08:00")

    emptied = await desk.patch(item["id"], title=None, area=None, assignee=None, due_at=None)

    assert [emptied[name] for name in ("title", "area", "assignee", "due_at")] == [None] * 4
    for name in ("status", "kind", "severity", "sentiment", "tags"):
        assert (await desk.patch(item["id"], expect=422, **{name: None}))["errors"][0]["pointer"] == f"/{name}"


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "lost"},
        {"sentiment": 1.1},
        {"sentiment": "0"},
        {"severity": "s5"},
        {"number": 7},
        {"body": "x"},
        {"due_at": "soon"},
        {"tags": [1]},
    ],
)
async def test_malformed_changes_are_refused(desk, fields):
    item = await desk.post()

    await desk.patch(item["id"], expect=422, **fields)

    assert await desk.types() == ["feedback.received"]


async def test_if_match_refuses_a_stale_version_before_an_illegal_state(desk):
    item = await desk.post()

    await desk.patch(item["id"], headers={"If-Match": '"1"'}, status="open")
    stale = await desk.patch(item["id"], expect=412, headers={"If-Match": '"1"'}, status="merged")
    await desk.patch(item["id"], headers={"If-Match": "*"}, status="pending")
    answer = await desk.client.get(f"/v1/feedback/{item['id']}", headers=desk.agent)

    assert stale["type"].endswith("stale_version")
    assert answer.headers["etag"] == '"3"'


ALLOWED = {
    "new": ["closed", "open", "pending", "resolved", "snoozed"],
    "open": ["closed", "pending", "resolved", "snoozed"],
    "pending": ["closed", "open", "resolved", "snoozed"],
    "snoozed": ["closed", "open", "pending", "resolved"],
    "resolved": ["closed", "open"],
    "closed": ["open"],
}


@pytest.mark.parametrize("status", ALLOWED)
async def test_only_the_table_of_transitions_is_allowed(desk, status):
    for wanted in (*ALLOWED, "merged"):
        item = await desk.post()
        if status != "new":
            await desk.patch(item["id"], status=status)
        if wanted == status:
            continue
        legal = wanted in ALLOWED[status]
        answer = await desk.patch(item["id"], expect=200 if legal else 409, status=wanted)
        if not legal:
            assert answer["allowed"] == ALLOWED[status]
            assert (await desk.get(f"/v1/feedback/{item['id']}"))["status"] == status


async def test_resolving_and_reopening_are_told_with_their_times(desk):
    item = await desk.post(author={"user_id": "u1"})
    desk.api.clock.advance(90)

    resolved = await desk.patch(item["id"], status="resolved")
    reopened = await desk.patch(item["id"], status="open")
    desk.api.clock.advance(10)
    await desk.patch(item["id"], status="closed")
    await desk.patch(item["id"], status="open")

    assert resolved["resolved_at"] == "2026-11-22T08:01:30Z"
    assert reopened["resolved_at"] is None
    events = await desk.api.events()
    assert [event.type for event in events] == [
        "feedback.received",
        "feedback.resolved",
        "feedback.reopened",
        "feedback.reopened",
    ]
    assert events[1].data["resolution_seconds"] == 90
    assert events[1].data["author"] == {"user_id": "u1", "verified": True}


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
