"""Calls through the door: noted once, linked with what they were about, and due until somebody has called back."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.clock import rfc3339
from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.calls.consumers import CALL_ERASURES

PATH = "/v1/calls"
MISSED = {"direction": "inbound", "outcome": "missed"}


class Phone:
    """The desk at the telephone."""

    def __init__(self, desk):
        self.desk = desk

    @property
    def now(self):
        return self.desk.api.clock.now()

    def at(self, **ahead):
        return rfc3339(self.now + timedelta(**ahead))

    async def call(self, method, path, expect=200, *, key=None, headers=None, **options):
        given = (key or self.desk.agent) | (headers or {})
        self.answer = await self.desk.client.request(method, path, headers=given, **options)
        assert self.answer.status_code == expect, self.answer.text
        return self.answer.json() if self.answer.content else None

    async def note(self, expect=201, *, key=None, **fields):
        body = {"direction": "inbound", "started_at": self.at(minutes=-10)} | fields
        return await self.call("POST", PATH, expect, key=key, json=body)

    async def change(self, call, expect=200, headers=None, **fields):
        return await self.call("PATCH", f"{PATH}/{call['id']}", expect, json=fields, headers=headers)

    async def listed(self, **params):
        return [each["id"] for each in (await self.call("GET", PATH, params=params))["items"]]

    async def refused(self, **fields):
        return (await self.note(422, **fields))["errors"][0]["pointer"]


@pytest.fixture
def phone(desk):
    return Phone(desk)


async def test_a_call_is_noted_with_all_that_was_said(phone):
    post = await phone.desk.post()
    fields = {
        "direction": "outbound",
        "outcome": "answered",
        "duration_seconds": 125,
        "user_id": "u1",
        "phone": "+86 10 1234 5678",
        "name": "李雷",
        "summary": "导出还是失败",
        "feedback_id": post["id"],
        "assignee": "anna",
        "callback_due_at": phone.at(hours=4),
        "external_id": "pbx-1",
    }
    made = await phone.note(**fields)

    assert {name: made[name] for name in fields} == fields
    assert (made["called_back_at"], made["source"]) == (None, "test")
    assert phone.answer.headers["location"].endswith(made["id"])
    assert await phone.call("GET", f"{PATH}/{made['id']}") == made
    assert phone.answer.headers["etag"]


async def test_the_least_call_gets_defaults(phone):
    made = await phone.note()
    assert (made["outcome"], made["duration_seconds"]) == ("answered", 0)
    assert {made[name] for name in ("user_id", "phone", "name", "summary", "feedback_id", "external_id")} == {None}


async def test_one_that_its_source_told_of_before_is_answered_as_it_is(phone):
    first = await phone.note(external_id="pbx-1", summary="first")

    again = await phone.note(200, external_id="pbx-1", summary="second")

    assert again == first
    other = await phone.desk.api.key("feedback:write", "feedback:read", source="other")
    assert (await phone.note(key=other, external_id="pbx-1"))["id"] != first["id"]
    assert len(await phone.listed()) == 2


async def test_of_many_who_tell_of_one_call_at_once_one_adds_it(phone):
    body = MISSED | {"started_at": phone.at(minutes=-1), "external_id": "pbx-9"}

    answers = await asyncio.gather(
        *(phone.desk.client.post(PATH, json=body, headers=phone.desk.agent) for _ in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_key_that_is_used_twice_adds_once(phone):
    body = MISSED | {"started_at": phone.at(minutes=-1)}
    for _ in range(2):
        await phone.call("POST", PATH, 201, json=body, headers={"Idempotency-Key": "k1"})
    await phone.call("POST", PATH, 422, json=body | {"name": "x"}, headers={"Idempotency-Key": "k1"})
    assert len(await phone.listed()) == 1


async def test_who_is_to_be_called_back_is_listed_by_when_until_somebody_did(phone):
    later = await phone.note(**MISSED, callback_due_at=phone.at(hours=5), assignee="anna")
    sooner = await phone.note(**MISSED, callback_due_at=phone.at(hours=1), assignee="bob")
    overdue = await phone.note(**MISSED, callback_due_at=phone.at(hours=-1), assignee="anna")
    await phone.note(**MISSED)

    due = [overdue["id"], sooner["id"], later["id"]]
    assert await phone.listed(is_due="true") == due
    assert await phone.listed(is_due="true", assignee="anna") == [overdue["id"], later["id"]]
    page = await phone.call("GET", PATH, params={"is_due": "true", "limit": 2})
    rest = await phone.call("GET", PATH, params={"is_due": "true", "limit": 2, "cursor": page["next_cursor"]})
    assert [each["id"] for each in page["items"] + rest["items"]] == due

    done = await phone.change(overdue, called_back_at=phone.at())

    assert done["called_back_at"] == phone.at()
    assert await phone.listed(is_due="true") == due[1:]
    await phone.change(done, called_back_at=None)
    assert await phone.listed(is_due="true") == due


async def test_calls_are_found_by_person_and_post_newest_first(phone):
    post = await phone.desk.post()
    old = await phone.note(user_id="u1", started_at=phone.at(days=-2), feedback_id=post["id"])
    new = await phone.note(user_id="u1", started_at=phone.at(days=-1))
    other = await phone.note(user_id="u2", started_at=phone.at(days=-3))

    assert await phone.listed() == [new["id"], old["id"], other["id"]]
    assert await phone.listed(user_id="u1") == [new["id"], old["id"]]
    assert await phone.listed(feedback_id=post["id"]) == [old["id"]]
    assert await phone.listed(user_id="u3") == []
    await phone.call("GET", PATH, 422, params={"colour": "red"})
    await phone.call("GET", PATH, 422, params={"feedback_id": "x"})


async def test_what_came_of_a_call_is_changed_in_the_version_that_was_seen(phone):
    made = await phone.note(**MISSED)
    etag = phone.answer.headers["etag"]

    changed = await phone.change(made, headers={"If-Match": etag}, outcome="voicemail", duration_seconds=30)

    assert (changed["outcome"], changed["duration_seconds"]) == ("voicemail", 30)
    await phone.change(made, 412, headers={"If-Match": etag}, name="x")
    await phone.change(made)
    assert (await phone.call("GET", f"{PATH}/{made['id']}"))["updated_at"] == changed["updated_at"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"direction": "sideways"}, "/direction"),
        ({"outcome": "shouted"}, "/outcome"),
        ({"started_at": "yesterday"}, "/started_at"),
        ({"duration_seconds": -1}, "/duration_seconds"),
        ({"duration_seconds": 86_401}, "/duration_seconds"),
        ({"duration_seconds": "5"}, "/duration_seconds"),
        ({"outcome": "missed", "duration_seconds": 5}, "/duration_seconds"),
        ({"phone": "call me"}, "/phone"),
        ({"phone": "1" * 40}, "/phone"),
        ({"phone": "+86\n10 123"}, "/phone"),
        ({"name": ""}, "/name"),
        ({"summary": "\u200b"}, "/summary"),
        ({"summary": "x" * 10_001}, "/summary"),
        ({"user_id": "a/../b"}, "/user_id"),
        ({"external_id": "x" * 201}, "/external_id"),
        ({"feedback_id": "5"}, "/feedback_id"),
        ({"feedback_id": str(uuid4())}, "/feedback_id"),
        ({"called_back_at": "2026-01-01T00:00:00Z"}, "/called_back_at"),
        ({"nickname": "x"}, "/nickname"),
    ],
)
async def test_why_a_call_is_refused(phone, fields, pointer):
    assert await phone.refused(**fields) == pointer
    assert await phone.listed() == []


async def test_times_to_come_are_refused_but_of_a_clock_that_is_a_little_ahead(phone):
    assert await phone.refused(started_at=phone.at(minutes=6)) == "/started_at"
    made = await phone.note(started_at=phone.at(minutes=4), callback_due_at=phone.at(hours=1))
    refused = await phone.change(made, 422, called_back_at=phone.at(minutes=6))
    assert refused["errors"][0]["pointer"] == "/called_back_at"


async def test_nobody_is_called_back_who_was_not_to_be(phone):
    made = await phone.note(callback_due_at=phone.at(hours=1))
    plain = await phone.note()
    assert (await phone.change(plain, 422, called_back_at=phone.at()))["errors"][0]["pointer"] == "/called_back_at"
    await phone.change(made, called_back_at=phone.at())
    assert (await phone.change(made, 422, callback_due_at=None))["errors"][0]["pointer"] == "/called_back_at"


async def test_a_change_is_held_to_what_a_call_may_be(phone):
    made = await phone.note(duration_seconds=30)
    assert (await phone.change(made, 422, outcome="missed"))["errors"][0]["pointer"] == "/duration_seconds"
    assert (await phone.change(made, 422, outcome=None))["errors"][0]["pointer"] == "/outcome"
    assert (await phone.change(made, 422, feedback_id=str(uuid4())))["errors"][0]["pointer"] == "/feedback_id"
    assert (await phone.change(made, 422, direction="outbound"))["errors"][0]["pointer"] == "/direction"
    assert (await phone.call("GET", f"{PATH}/{made['id']}"))["outcome"] == "answered"


async def test_a_call_may_be_about_another_post_or_none(phone):
    first, second = await phone.desk.post(), await phone.desk.post(body="Another")
    made = await phone.note(feedback_id=first["id"])

    assert (await phone.change(made, feedback_id=second["id"]))["feedback_id"] == second["id"]
    assert (await phone.change(made, feedback_id=None))["feedback_id"] is None


async def test_a_call_goes_and_its_post_stays(phone):
    post = await phone.desk.post()
    made = await phone.note(feedback_id=post["id"])
    await phone.call("DELETE", f"{PATH}/{made['id']}", 412, headers={"If-Match": '"7"'})
    await phone.call("DELETE", f"{PATH}/{made['id']}", 204)
    await phone.call("DELETE", f"{PATH}/{made['id']}", 404)
    await phone.desk.get(f"/v1/feedback/{post['id']}")
    assert await phone.listed() == []


async def test_a_post_of_another_workspace_is_none(phone):
    other = await phone.desk.api.key(workspace="b")
    answer = await phone.desk.client.post("/v1/feedback", json={"body": "x"}, headers=other)
    assert await phone.refused(feedback_id=answer.json()["id"]) == "/feedback_id"


async def test_who_may(phone):
    made = await phone.note(external_id="pbx-1")
    one = f"{PATH}/{made['id']}"
    reader, other = await phone.desk.api.key("feedback:read"), await phone.desk.api.key(workspace="b")
    submitter = await phone.desk.api.key("feedback:submit")
    for method, path in (("GET", PATH), ("POST", PATH), ("GET", one), ("PATCH", one), ("DELETE", one)):
        assert (await phone.desk.client.request(method, path)).status_code == 401
        body = {} if method == "PATCH" else MISSED | {"started_at": phone.at(minutes=-1)}
        given = {"json": body} if method in ("POST", "PATCH") else {}
        await phone.call(method, path, 403, key=submitter, **given)
        if method != "GET":
            await phone.call(method, path, 403, key=reader, **given)
        if path == one:
            await phone.call(method, path, 404, key=other, **given)
    assert (await phone.call("GET", PATH, key=other))["items"] == []
    assert (await phone.note(key=other, external_id="pbx-1"))["id"] != made["id"]


async def test_of_who_is_erased_a_call_keeps_that_it_was(phone):
    post = await phone.desk.post()
    person = {"user_id": "u1", "phone": "+49 30 1234", "name": "MARK", "summary": "MARK said"}
    made = await phone.note(**person, feedback_id=post["id"], duration_seconds=60)
    stays = await phone.note(**(person | {"user_id": "u2"}))
    erased = UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"])

    for _ in range(2):
        await deliver(phone.desk.api.db, CALL_ERASURES, make_event(erased))
    await deliver(phone.desk.api.db, CALL_ERASURES, make_event(erased, workspace="b"))

    left = await phone.call("GET", f"{PATH}/{made['id']}")
    assert {left[name] for name in person} == {None}
    assert (left["duration_seconds"], left["feedback_id"]) == (60, post["id"])
    assert await phone.call("GET", f"{PATH}/{stays['id']}") == stays


async def test_the_audit_says_what_came_of_it_and_not_who_it_was(phone):
    made = await phone.note(name="Private Person", summary="Private words", phone="+49 30 999")
    await phone.change(made, summary="Other private words", assignee="anna")

    admin = await phone.desk.api.key()
    told = str((await phone.call("GET", "/v1/audit", key=admin))["items"])
    assert "anna" in told
    assert "rivate" not in told
    assert "999" not in told


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("duration_seconds = -1", "duration_seconds"),
        ("called_back_at = now()", "called_back"),
        ("outcome = 'x'", "outcome"),
        ("direction = 'x'", "direction"),
    ],
)
async def test_the_database_holds_what_a_call_may_be(phone, change, check):
    await phone.note()
    with pytest.raises(Exception, match=f"ck_call_{check}"):
        async with phone.desk.api.db.transaction(Context("acme")) as session:
            await session.execute(text(f"UPDATE call SET {change}"))


async def test_a_post_that_goes_leaves_its_calls(phone):
    post = await phone.desk.post()
    made = await phone.note(feedback_id=post["id"])
    async with phone.desk.api.db.transaction(Context("acme")) as session:
        await session.execute(text("DELETE FROM feedback"))

    assert (await phone.call("GET", f"{PATH}/{made['id']}"))["feedback_id"] is None


@pytest.mark.parametrize("number", ["110", "+86 10 1234 5678", "(030) 1234-56", "+1.555.123.4567"])
async def test_numbers_as_people_write_them(phone, number):
    assert (await phone.note(phone=number))["phone"] == number


@pytest.mark.parametrize("outcome", ["answered", "missed", "voicemail", "busy", "failed"])
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
async def test_each_kind_of_call_is_kept(phone, direction, outcome):
    made = await phone.note(direction=direction, outcome=outcome)
    assert (made["direction"], made["outcome"]) == (direction, outcome)


async def test_pages_go_on_where_they_ended_while_calls_come_in(phone):
    ids = [(await phone.note(started_at=phone.at(minutes=-place)))["id"] for place in range(1, 6)]
    page = await phone.call("GET", PATH, params={"limit": 2})
    await phone.note(started_at=phone.at())
    rest = await phone.call("GET", PATH, params={"limit": 5, "cursor": page["next_cursor"]})
    assert [each["id"] for each in page["items"] + rest["items"]] == ids
    assert rest["next_cursor"] is None


async def test_a_row_of_another_workspace_is_not_seen_by_the_database_either(phone):
    await phone.note()
    async with phone.desk.api.db.transaction(Context("b")) as session:
        assert (await session.execute(text("SELECT count(*) FROM call"))).scalar_one() == 0


async def test_two_who_change_a_call_at_once_are_told_apart(phone):
    made = await phone.note(**MISSED, callback_due_at=phone.at(hours=1))
    etag = {"If-Match": phone.answer.headers["etag"]}

    answers = await asyncio.gather(
        *(
            phone.desk.client.patch(
                f"{PATH}/{made['id']}",
                json={"called_back_at": phone.at(), "assignee": who},
                headers=phone.desk.agent | etag,
            )
            for who in ("anna", "bob", "cy")
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
