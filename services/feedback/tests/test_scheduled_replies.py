"""Scheduled replies: said once when their time comes, changed and cancelled before, held where the post was finished meanwhile."""

import asyncio
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.scheduled_replies import rules, service
from opsloop_feedback.scheduled_replies.consumers import SCHEDULED_ERASURES
from services.feedback.tests.desks import SHANGHAI
from services.feedback.tests.scheduling import Later


@pytest.fixture
def later(clockwork):
    clockwork.at("2026-11-20T20:00")
    return Later(clockwork)


async def test_it_is_said_once_when_its_time_comes(later):
    post = await later.desk.post(author={"email": "ann@example.com"})
    made = await later.plan(post)
    await later.work(minutes=59)
    assert (await later.said(post), made["status"]) == ([], "waiting")
    assert (await later.desk.get(f"/v1/feedback/{post['id']}"))["status"] == "new"

    await later.work(minutes=1)
    await later.work(hours=1)

    now = await later.now(made)
    said = (await later.desk.get(f"/v1/feedback/{post['id']}/messages"))["items"]
    assert [(one["id"], one["body"], one["delivery"]) for one in said] == [(now["message_id"], "明天修好。", "waiting")]
    assert said[0]["actor"] == made["actor"] == now["actor"]
    assert now["status"] == "sent"
    assert (await later.desk.get(f"/v1/feedback/{post['id']}"))["status"] == "open"
    assert (await later.desk.types()).count("reply.requested") == 1


async def test_workers_that_run_it_twice_or_at_once_say_it_once(later):
    post = await later.desk.post()
    made = await later.plan(post)
    later.desk.api.clock.advance(3_600)
    db = later.desk.api.db

    async def say():
        async with db.transaction(Context(workspace="acme", actor="worker")) as session:
            await service.say(session, UUID(made["id"]))

    await asyncio.gather(*(say() for _ in range(4)))
    await later.work(hours=1)

    assert await later.said(post) == ["明天修好。"]


async def test_a_worker_that_dies_before_its_commit_has_said_nothing(later):
    post = await later.desk.post()
    made = await later.plan(post)
    later.desk.api.clock.advance(3_600)

    class Killed(BaseException):
        """The process is gone."""

    with pytest.raises(Killed):
        async with later.desk.api.db.transaction(Context(workspace="acme", actor="worker")) as session:
            await service.say(session, UUID(made["id"]))
            await session.flush()
            raise Killed
    assert (await later.said(post), (await later.now(made))["status"]) == ([], "waiting")

    await later.work()
    assert await later.said(post) == ["明天修好。"]


async def test_it_is_changed_before_and_not_after(later):
    post = await later.desk.post()
    made = await later.plan(post)
    first = later.etag
    changed = await later.change(made, body="后天修好。", send_at=later.ahead(hours=3), headers={"If-Match": first})
    assert (changed["body"], changed["send_at"]) == ("后天修好。", later.ahead(hours=3))
    await later.change(made, 412, body="x", headers={"If-Match": first})
    await later.change(made, 422, send_at=later.ahead(hours=-1))
    await later.change(made, 422, send_at=later.ahead(hours=1), at_opening=True)
    await later.work(hours=1)
    assert await later.said(post) == []

    await later.work(hours=2)

    assert await later.said(post) == ["后天修好。"]
    await later.change(made, 409, body="x")
    await later.call("DELETE", f"/v1/scheduled-replies/{made['id']}", 409)


async def test_one_that_is_cancelled_is_never_said(later):
    post = await later.desk.post()
    made = await later.plan(post)
    await later.call("DELETE", f"/v1/scheduled-replies/{made['id']}", 412, headers={"If-Match": '"9"'})
    await later.call("DELETE", f"/v1/scheduled-replies/{made['id']}", 204)

    await later.work(hours=2)

    assert await later.said(post) == []
    await later.call("GET", f"/v1/scheduled-replies/{made['id']}", 404)


async def test_it_is_said_when_the_team_begins_to_work(later):
    team = {"name": "支付组", "calendar_id": await later.clockwork.calendar(), "members": []}
    await later.clockwork.make("/v1/teams", team)
    post = await later.desk.post()
    await later.plan(post, 409, at_opening=True)
    await later.desk.patch(post["id"], team="支付组")

    made = await later.plan(post, at_opening=True)

    assert datetime.fromisoformat(made["send_at"]).astimezone(SHANGHAI) == datetime(2026, 11, 23, 9, tzinfo=SHANGHAI)
    later.clockwork.at("2026-11-23T09:00")
    await later.work()
    assert await later.said(post) == ["明天修好。"]


@pytest.mark.parametrize("status", ["resolved", "closed"])
async def test_one_whose_post_was_finished_meanwhile_is_held_until_somebody_looks(later, status):
    post = await later.desk.post()
    made = await later.plan(post)
    await later.desk.patch(post["id"], status=status)
    await later.work(hours=1)

    held = await later.now(made)
    assert (held["status"], held["held_because"], held["message_id"]) == ("held", "finished", None)
    assert await later.said(post) == []

    again = await later.change(made, send_at=later.ahead(minutes=1))
    assert (again["status"], again["held_because"]) == ("waiting", None)
    await later.work(minutes=1)
    assert await later.said(post) == ["明天修好。"]


async def test_one_whose_post_was_merged_meanwhile_lands_on_the_target(later):
    target, post = (
        await later.desk.post(),
        await later.desk.post(body="Paying fails.", author={"email": "b@example.com"}),
    )
    made = await later.plan(post)
    await later.call("POST", f"/v1/feedback/{post['id']}/merge", json={"into": target["id"]})

    await later.work(hours=1)

    assert (await later.said(target), (await later.now(made))["status"]) == (["明天修好。"], "sent")
    asked = [event.data for event in await later.desk.api.events() if event.type == "reply.requested"]
    assert [one["email"] for one in asked] == ["b@example.com"]


async def test_a_post_has_so_many(later, monkeypatch):
    post = await later.desk.post()
    monkeypatch.setattr(rules, "MOST_OF_A_POST", 2)
    sooner = [await later.plan(post, send_at=later.ahead(hours=hours)) for hours in (5, 1)][::-1]
    await later.plan(post, 409)
    listed = (await later.desk.get(f"/v1/feedback/{post['id']}/scheduled-replies"))["items"]
    assert listed == sooner

    await later.call("DELETE", f"/v1/scheduled-replies/{sooner[0]['id']}", 204)
    await later.plan(post)
    monkeypatch.setattr(rules, "MOST_UNSENT", 2)
    await later.plan(await later.desk.post(body="Paying fails."), 409)


async def test_who_is_erased_is_told_nothing_more(later):
    post, other = await later.desk.post(author={"user_id": "u1"}), await later.desk.post(body="Paying fails.")
    gone, kept = await later.plan(post), await later.plan(other)
    erased = FeedbackErased(erasure_id=uuid4(), feedback_ids=[UUID(post["id"])])
    for _ in range(2):
        await deliver(later.desk.api.db, SCHEDULED_ERASURES, make_event(erased))

    await later.work(hours=1)

    await later.call("GET", f"/v1/scheduled-replies/{gone['id']}", 404)
    assert (await later.said(post), (await later.now(kept))["status"]) == ([], "sent")


async def test_nobody_else_sees_it(later):
    post = await later.desk.post()
    made = await later.plan(post)
    path = f"/v1/feedback/{post['id']}/scheduled-replies"
    partner = await later.desk.api.key("feedback:submit", source="test")
    stranger = await later.desk.api.key("feedback:read", "feedback:write", workspace="other")

    for key, expect in ((partner, 403), (stranger, 404)):
        for url in (path, f"/v1/scheduled-replies/{made['id']}"):
            assert (await later.desk.client.get(url, headers=key)).status_code == expect
    seen = (await later.desk.client.get(f"/v1/feedback/{post['id']}/messages", headers=partner)).json()
    assert seen["items"] == []
    assert "明天修好" not in str([event.data for event in await later.desk.api.events()])


async def test_the_database_holds_what_is_sent_to_its_message(later):
    made = await later.plan(await later.desk.post())
    for wrong in ("status = 'sent'", "status = 'held'", "held_because = 'finished'", "status = 'x'"):
        with pytest.raises(IntegrityError):
            async with later.desk.api.db.transaction(Context(workspace="acme")) as session:
                await session.execute(text(f"UPDATE scheduled_reply SET {wrong} WHERE id = :id"), {"id": made["id"]})


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"body": ""}, "/body"),
        ({"body": "x" * 50_001}, "/body"),
        ({"body": None}, "/body"),
        ({"send_at": "tomorrow"}, "/send_at"),
        ({"send_at": "2026-12-01T09:00:00"}, "/send_at"),
        ({"send_at": "2020-12-01T09:00:00Z"}, "/send_at"),
        ({"send_at": "2029-12-01T09:00:00Z"}, "/send_at"),
        ({"send_at": None}, "/send_at"),
        ({"at_opening": True}, "/send_at"),
        ({"at_opening": "perhaps"}, "/at_opening"),
        ({"cc": "x"}, "/cc"),
    ],
)
async def test_what_is_malformed_is_refused_by_its_name(later, fields, pointer):
    post = await later.desk.post()
    refused = await later.plan(post, 422, **({"send_at": later.ahead(hours=1)} | fields))
    assert [error["pointer"] for error in refused["errors"]] == [pointer]
    assert (await later.desk.get(f"/v1/feedback/{post['id']}/scheduled-replies"))["items"] == []
