"""Scheduled replies: said once when their time comes, changed and cancelled before, held where the post was finished meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.clock import rfc3339
from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.db import Context
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.app import SERVICE
from opsloop_feedback.calendars import rules as calendar_rules
from opsloop_feedback.calendars.rules import ALWAYS
from opsloop_feedback.scheduled_replies import rules, service
from opsloop_feedback.scheduled_replies.consumers import SCHEDULED_ERASURES
from opsloop_feedback.scheduled_replies.rules import HeldBecause, ScheduledStatus
from services.feedback.tests.desks import CHINA, SHANGHAI

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(("send_at", "at_opening"), [(None, False), (NOW, True)])
def test_there_is_one_way_of_saying_when(send_at, at_opening):
    rules.require_one_time(NOW, at_opening=False)
    rules.require_one_time(None, at_opening=True)
    with pytest.raises(Invalid):
        rules.require_one_time(send_at, at_opening=at_opening)


def test_a_time_lies_ahead_and_within_a_year():
    rules.require_ahead(NOW + timedelta(microseconds=1), NOW)
    rules.require_ahead(NOW + timedelta(days=366), NOW)
    for wrong in (NOW, NOW - timedelta(days=1), NOW + timedelta(days=366, microseconds=1)):
        with pytest.raises(Invalid):
            rules.require_ahead(wrong, NOW)


def test_only_what_was_not_sent_is_changed():
    for status in (ScheduledStatus.WAITING, ScheduledStatus.HELD):
        rules.require_unsent(status)
    with pytest.raises(Conflict):
        rules.require_unsent(ScheduledStatus.SENT)


@pytest.mark.parametrize(
    ("is_finished", "was_finished", "why"),
    [(False, False, None), (True, True, None), (False, True, None), (True, False, HeldBecause.FINISHED)],
)
def test_what_was_finished_meanwhile_holds_a_reply(is_finished, was_finished, why):
    assert rules.why_held(is_finished=is_finished, was_finished=was_finished) is why


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-20T08:59", "2026-11-20T09:00"),
        ("2026-11-20T09:00", "2026-11-20T13:30"),
        ("2026-11-20T12:00", "2026-11-20T13:30"),
        ("2026-11-20T13:30", "2026-11-23T09:00"),
        ("2026-11-21T10:00", "2026-11-23T09:00"),
        ("2027-09-30T17:59", "2027-10-08T09:00"),
        ("2027-10-08T18:00", "2027-10-09T09:00"),
    ],
)
def test_when_a_calendar_opens_next(now, opens):
    days = [{"works_as": None, "windows": [], "last_day": one["first_day"]} | one for one in CHINA["days"]]
    china = calendar_rules.read_calendar(CHINA["time_zone"], CHINA["week"], days)
    local = datetime.fromisoformat(now).replace(tzinfo=SHANGHAI)

    found = calendar_rules.opens_after(china, local)

    assert found.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M") == opens


def test_what_is_always_open_opens_at_no_time_and_what_is_never_open_neither():
    assert calendar_rules.opens_after(ALWAYS, NOW) is None
    assert calendar_rules.opens_after(calendar_rules.Calendar(ZoneInfo("UTC"), ((),) * 7, {}), NOW) is None


class Later:
    """A desk that writes replies in the evening."""

    def __init__(self, clockwork):
        self.clockwork, self.desk = clockwork, clockwork.desk

    async def call(self, method, path, expect=200, headers=None, **options):
        answer = await self.desk.client.request(method, path, headers=self.desk.agent | (headers or {}), **options)
        assert answer.status_code == expect, answer.text
        self.etag = answer.headers.get("etag")
        return answer.json() if answer.content else None

    def ahead(self, **ahead):
        return rfc3339(self.desk.api.clock.now() + timedelta(**ahead))

    async def plan(self, post, expect=201, **fields):
        fields = fields or {"send_at": self.ahead(hours=1)}
        body = {"body": "明天修好。"} | fields
        return await self.call("POST", f"/v1/feedback/{post['id']}/scheduled-replies", expect, json=body)

    async def change(self, reply, expect=200, headers=None, **fields):
        return await self.call("PATCH", f"/v1/scheduled-replies/{reply['id']}", expect, headers, json=fields)

    async def now(self, reply):
        return await self.call("GET", f"/v1/scheduled-replies/{reply['id']}")

    async def work(self, **ahead):
        self.desk.api.clock.advance(timedelta(**ahead).total_seconds())
        await run_due(self.desk.api.db, SERVICE.due)

    async def said(self, post):
        return [one["body"] for one in (await self.desk.get(f"/v1/feedback/{post['id']}/messages"))["items"]]


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
