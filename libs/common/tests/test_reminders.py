"""The model of a slice: its door, its time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from opsloop_common.testing.due import run_due
from opsloop_common.testing.sample.service import SAMPLE

PATH = "/v1/reminders"


class World:
    """A workspace with one key that may do everything."""

    def __init__(self, api, key):
        self.api, self.key = api, key

    async def call(self, method, path, json=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.api.client.request(method, path, json=json, headers=self.key | sent)

    async def reminder(self, minutes=60):
        remind_at = self.api.clock.now() + timedelta(minutes=minutes)
        made = await self.call("POST", PATH, {"text": "call them", "remind_at": remind_at.isoformat()})
        assert made.status_code == 201, made.text
        return f"{PATH}/{made.json()['id']}"

    async def ring(self):
        return await run_due(self.api.db, SAMPLE.due)

    async def rung(self):
        return [event for event in await self.api.events() if event.type == "reminder.rung"]


@pytest.fixture
async def world(api):
    opened = await api(SAMPLE)
    return World(opened, await opened.key())


async def test_a_reminder_is_made_read_listed_changed_and_thrown_away(world):
    path = await world.reminder()
    shown = await world.call("GET", path)
    assert (shown.json()["status"], shown.headers["etag"]) == ("waiting", '"1"')
    assert (await world.call("GET", f"{PATH}?status=waiting")).json()["items"] == [shown.json()]
    assert (await world.call("GET", f"{PATH}?status=rung&status=done")).json()["items"] == []

    changed = await world.call("PATCH", path, {"text": "write to them"}, If_Match='"1"')
    same = await world.call("PATCH", path, {"text": "write to them", "status": "waiting"})
    stale = await world.call("PATCH", path, {"text": "x"}, If_Match='"1"')

    assert (changed.json()["text"], changed.headers["etag"]) == ("write to them", '"2"')
    assert (same.headers["etag"], stale.status_code) == ('"2"', 412)
    assert (await world.call("DELETE", path, If_Match='"2"')).status_code == 204
    assert (await world.call("GET", path)).status_code == 404
    log = (await world.call("GET", "/v1/audit")).json()["items"]
    assert [entry["action"] for entry in log if entry["subject"].startswith("reminder/")] == [
        "reminder.deleted",
        "reminder.updated",
        "reminder.created",
    ]
    world.api.clock.advance(7200)
    await world.ring()
    assert await world.rung() == []


async def test_it_rings_once_when_its_time_has_come(world):
    path = await world.reminder()
    world.api.clock.advance(3599)
    await world.ring()
    assert await world.rung() == []

    world.api.clock.advance(1)
    await world.ring()
    await world.ring()

    [event] = await world.rung()
    assert (event.subject, "text" in event.data) == (f"reminder/{path.rpartition('/')[2]}", False)
    assert (await world.call("GET", path)).json()["status"] == "rung"


async def test_one_that_is_done_or_put_off_does_not_ring(world):
    done, put_off = await world.reminder(), await world.reminder()
    later = (world.api.clock.now() + timedelta(hours=2)).isoformat()
    assert (await world.call("PATCH", done, {"status": "done"})).status_code == 200
    assert (await world.call("PATCH", put_off, {"remind_at": later})).status_code == 200

    world.api.clock.advance(3600)
    await world.ring()
    assert await world.rung() == []
    world.api.clock.advance(3600)
    await world.ring()

    assert len(await world.rung()) == 1


async def test_what_the_rules_refuse(world):
    path = await world.reminder()
    past = (world.api.clock.now() - timedelta(hours=1)).isoformat()

    assert (await world.call("POST", PATH, {"text": "x", "remind_at": past})).status_code == 422
    assert (await world.call("PATCH", path, {"remind_at": past})).status_code == 422
    assert (await world.call("PATCH", path, {"status": "rung"})).status_code == 422
    assert (await world.call("PATCH", path, {"status": "done"})).status_code == 200
    again = await world.call("PATCH", path, {"status": "waiting", "remind_at": past})
    assert again.status_code == 422
    assert (await world.call("GET", path)).headers["etag"] == '"2"'


async def test_who_may_not_is_refused(world):
    path = await world.reminder()
    reader, stranger = await world.api.key("sample:read"), await world.api.key(workspace="other")
    later = {"text": "x", "remind_at": (world.api.clock.now() + timedelta(hours=1)).isoformat()}
    for method, where, body in (
        ("POST", PATH, later),
        ("GET", PATH, None),
        ("GET", path, None),
        ("PATCH", path, {"text": "x"}),
        ("DELETE", path, None),
    ):
        nobody = await world.api.client.request(method, where, json=body)
        reading = await world.api.client.request(method, where, json=body, headers=reader)
        elsewhere = await world.api.client.request(method, where, json=body, headers=stranger)

        assert nobody.status_code == 401, (method, where)
        assert reading.status_code == (200 if method == "GET" else 403), (method, where)
        assert elsewhere.status_code == ({"POST": 201, "GET": 200}[method] if where == PATH else 404), (method, where)
    assert path.rpartition("/")[2] not in str((await world.api.client.get(PATH, headers=stranger)).json())


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"text": ""}, "/text"),
        ({"text": None}, "/text"),
        ({"text": "x" * 10_001}, "/text"),
        ({"remind_at": "tomorrow"}, "/remind_at"),
        ({"remind_at": "2030-01-01T00:00:00"}, "/remind_at"),
        ({"no_such_field": 1}, "/no_such_field"),
    ],
)
async def test_what_is_malformed_is_refused_and_named(world, changes, pointer):
    path = await world.reminder()
    later = (world.api.clock.now() + timedelta(hours=1)).isoformat()

    made = await world.call("POST", PATH, {"text": "x", "remind_at": later} | changes)
    changed = await world.call("PATCH", path, changes)

    for answer in (made, changed):
        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await world.call("GET", path)).headers["etag"] == '"1"'


async def test_lists_are_paged_newest_first_and_stable_while_some_are_added(world):
    paths = [await world.reminder() for _ in range(3)]
    page = (await world.call("GET", f"{PATH}?limit=2")).json()
    await world.reminder()
    rest = (await world.call("GET", f"{PATH}?limit=2&cursor={page['next_cursor']}")).json()

    shown = [f"{PATH}/{item['id']}" for item in page["items"] + rest["items"]]
    assert (shown, rest["next_cursor"]) == (paths[::-1], None)


async def test_it_rings_late_when_nobody_was_there_in_time(world):
    path = await world.reminder()
    remind_at = (await world.call("GET", path)).json()["remind_at"]
    world.api.clock.advance(24 * 3600)

    await world.ring()

    [event] = await world.rung()
    assert event.data == {"reminder_id": path.rpartition("/")[2], "remind_at": remind_at}


async def test_who_saw_it_wait_does_not_change_it_after_it_rang(world):
    path = await world.reminder()
    world.api.clock.advance(3600)
    await world.ring()

    stale = await world.call("PATCH", path, {"status": "done"}, If_Match='"1"')
    seen = await world.call("PATCH", path, {"status": "done"}, If_Match='"2"')

    assert (stale.status_code, seen.status_code) == (412, 200)


async def test_one_that_waits_again_rings_again(world):
    path = await world.reminder()
    world.api.clock.advance(3600)
    await world.ring()
    later = (world.api.clock.now() + timedelta(minutes=5)).isoformat()

    assert (await world.call("PATCH", path, {"status": "waiting", "remind_at": later})).status_code == 200
    world.api.clock.advance(300)
    await world.ring()

    assert [event.sequence for event in await world.rung()] == [1, 2]


async def test_of_two_who_change_it_at_once_one_is_told(world):
    path = await world.reminder()

    answers = await asyncio.gather(*(world.call("PATCH", path, {"text": word}, If_Match='"1"') for word in ("a", "b")))

    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_status_that_may_not_follow_changes_nothing_else_either(world):
    path = await world.reminder()
    world.api.clock.advance(3600)
    await world.ring()
    later = (world.api.clock.now() + timedelta(hours=1)).isoformat()
    assert (await world.call("PATCH", path, {"status": "done"})).status_code == 200

    refused = await world.call("PATCH", path, {"text": "x", "status": "waiting", "remind_at": "2020-01-01T00:00:00Z"})
    allowed = await world.call("PATCH", path, {"status": "waiting", "remind_at": later})

    assert (refused.status_code, allowed.json()["text"], allowed.headers["etag"]) == (422, "call them", '"4"')


async def test_the_audit_log_says_who_changed_what_and_keeps_no_words(world):
    path = await world.reminder()
    await world.call("PATCH", path, {"text": "call them again", "status": "done"})
    world.api.clock.advance(3600)
    await world.ring()

    log = (await world.call("GET", "/v1/audit")).json()["items"]

    updated, created = [entry for entry in log if entry["subject"] == f"reminder/{path.rpartition('/')[2]}"]
    assert (created["action"], updated["action"]) == ("reminder.created", "reminder.updated")
    assert updated["before"] == {"text": "(text)", "status": "waiting"}
    assert updated["after"] == {"text": "(text)", "status": "done"}
    assert updated["actor"] == created["actor"]
    assert "call them" not in str(log)


async def test_of_many_that_are_due_each_rings_once(world):
    ids = [(await world.reminder(minutes)).rpartition("/")[2] for minutes in range(1, 8)]
    world.api.clock.advance(3600)

    await asyncio.gather(world.ring(), world.ring())

    assert sorted(event.data["reminder_id"] for event in await world.rung()) == sorted(ids)
