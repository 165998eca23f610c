"""Scheduled replies as they are kept: whose name they go in, twice, at once, after days, and of merged and finished posts."""

import asyncio
from uuid import UUID

import pytest

from opsloop_common.db import Context
from opsloop_feedback.scheduled_replies import rules, service
from services.feedback.tests.scheduling import Later


@pytest.fixture
def later(clockwork):
    clockwork.at("2026-11-20T20:00")
    return Later(clockwork)


async def test_what_changes_nothing_writes_nothing(later):
    made = await later.plan(await later.desk.post())
    first = later.etag

    same = await later.change(made, body=made["body"])
    await later.change(made)

    assert (same, later.etag) == (made, first)


async def test_it_is_said_in_the_name_of_who_wrote_it_last(later):
    post = await later.desk.post()
    made = await later.plan(post)
    other = await later.desk.api.key("feedback:read", "feedback:write")
    url = f"/v1/scheduled-replies/{made['id']}"
    changed = (await later.desk.client.patch(url, json={"body": "今天修好。"}, headers=other)).json()

    await later.work(hours=1)

    said = (await later.desk.get(f"/v1/feedback/{post['id']}/messages"))["items"]
    assert [one["actor"] for one in said] == [changed["actor"]] != [made["actor"]]


async def test_other_words_alone_leave_it_held_and_held_ones_are_cancelled(later):
    post = await later.desk.post()
    made = await later.plan(post)
    await later.desk.patch(post["id"], status="resolved")
    await later.work(hours=1)

    assert (await later.change(made, body="已经好了。"))["status"] == "held"
    await later.work(hours=1)
    assert await later.said(post) == []

    await later.call("DELETE", f"/v1/scheduled-replies/{made['id']}", 204)


async def test_what_was_written_to_a_finished_post_is_said(later):
    post = await later.desk.post()
    await later.desk.patch(post["id"], status="closed")
    await later.plan(post)

    await later.work(hours=1)

    assert await later.said(post) == ["明天修好。"]
    assert (await later.desk.get(f"/v1/feedback/{post['id']}"))["status"] == "closed"


async def test_a_worker_that_was_away_for_days_says_it_once(later):
    post = await later.desk.post()
    for hours in (1, 2):
        await later.plan(post, body=f"in {hours}", send_at=later.ahead(hours=hours))

    await later.work(days=9)
    await later.work(days=9)

    assert sorted(await later.said(post)) == ["in 1", "in 2"]


async def test_one_that_is_written_to_a_merged_post_is_held_when_the_target_is_finished_meanwhile(later):
    target, post = await later.desk.post(), await later.desk.post(body="Paying fails.")
    await later.call("POST", f"/v1/feedback/{post['id']}/merge", json={"into": target["id"]})
    made = await later.plan(post)
    await later.desk.patch(target["id"], status="resolved")

    await later.work(hours=1)

    assert ((await later.now(made))["status"], await later.said(target)) == ("held", [])


async def test_a_time_that_was_worked_out_stays_when_the_calendar_changes(later):
    calendar = await later.clockwork.calendar()
    await later.clockwork.make("/v1/teams", {"name": "支付组", "calendar_id": calendar, "members": []})
    post = await later.desk.post()
    await later.desk.patch(post["id"], team="支付组")
    made = await later.plan(post, at_opening=True)

    await later.clockwork.change(f"/v1/calendars/{calendar}", time_zone="Europe/Berlin")

    assert (await later.now(made))["send_at"] == made["send_at"]
    assert (await later.plan(post, at_opening=True))["send_at"] != made["send_at"]


async def test_who_only_reads_plans_nothing(later):
    post = await later.desk.post()
    made = await later.plan(post)
    reader = await later.desk.api.key("feedback:read")
    url = f"/v1/scheduled-replies/{made['id']}"
    asked = [
        ("POST", f"/v1/feedback/{post['id']}/scheduled-replies", {"body": "x", "send_at": later.ahead(hours=1)}),
        ("PATCH", url, {"body": "x"}),
        ("DELETE", url, None),
    ]
    for method, path, body in asked:
        assert (await later.desk.client.request(method, path, json=body, headers=reader)).status_code == 403
    assert (await later.desk.client.get(url, headers=reader)).json() == made


async def test_a_key_that_is_used_twice_plans_once(later):
    post = await later.desk.post()
    body = {"body": "明天修好。", "send_at": later.ahead(hours=1)}
    path = f"/v1/feedback/{post['id']}/scheduled-replies"
    first, again = [await later.call("POST", path, 201, {"Idempotency-Key": "k1"}, json=body) for _ in range(2)]
    assert first == again
    await later.work(hours=1)
    assert await later.said(post) == ["明天修好。"]


async def test_who_cancels_while_it_is_said_has_it_either_said_or_cancelled(later):
    posts = [await later.desk.post(body=f"Paying fails with {number}.") for number in range(4)]
    planned = [await later.plan(post) for post in posts]
    later.desk.api.clock.advance(3_600)
    db, client = later.desk.api.db, later.desk.client

    async def say(reply):
        async with db.transaction(Context(workspace="acme", actor="worker")) as session:
            await service.say(session, UUID(reply["id"]))

    async def cancel(reply):
        return (await client.delete(f"/v1/scheduled-replies/{reply['id']}", headers=later.desk.agent)).status_code

    for post, reply in zip(posts, planned, strict=True):
        _, code = await asyncio.gather(say(reply), cancel(reply))
        assert (code, await later.said(post)) in [(204, []), (409, ["明天修好。"])]


async def test_a_worker_that_comes_by_the_time_that_was_is_too_early(later):
    post = await later.desk.post()
    made = await later.plan(post)
    await later.change(made, send_at=later.ahead(hours=2))
    later.desk.api.clock.advance(3_600)

    async with later.desk.api.db.transaction(Context(workspace="acme", actor="worker")) as session:
        await service.say(session, UUID(made["id"]))

    assert (await later.said(post), (await later.now(made))["status"]) == ([], "waiting")


async def test_what_was_sent_takes_no_place_and_stays_in_the_list(later, monkeypatch):
    monkeypatch.setattr(rules, "MOST_OF_A_POST", 1)
    monkeypatch.setattr(rules, "MOST_UNSENT", 1)
    post = await later.desk.post()
    made = [await later.plan(post)]
    await later.plan(post, 409)
    await later.work(hours=1)

    made.append(await later.plan(post))

    path = f"/v1/feedback/{post['id']}/scheduled-replies"
    first = await later.desk.get(path, limit=1)
    second = await later.desk.get(path, limit=1, cursor=first["next_cursor"])
    assert [page["items"][0]["id"] for page in (first, second)] == [one["id"] for one in made]
    assert [page["items"][0]["status"] for page in (first, second)] == ["sent", "waiting"]
