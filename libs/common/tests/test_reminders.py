"""The model of a slice: its rules, its door, its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.due import run_due
from opsloop_common.errors import IllegalTransition, Invalid
from opsloop_common.testing.sample.reminders import rules
from opsloop_common.testing.sample.reminders.rules import Status
from opsloop_common.testing.sample.service import SAMPLE

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
PATH = "/v1/reminders"


@pytest.mark.parametrize(
    ("current", "wanted", "may"),
    [
        (Status.WAITING, Status.DONE, True),
        (Status.RUNG, Status.WAITING, True),
        (Status.DONE, Status.WAITING, True),
        (Status.DONE, Status.DONE, False),
        (Status.WAITING, Status.RUNG, False),
        (Status.RUNG, Status.RUNG, False),
    ],
)
def test_which_status_may_follow(current, wanted, may):
    if may:
        rules.require_transition(current, wanted)
    else:
        with pytest.raises(IllegalTransition):
            rules.require_transition(current, wanted)


def test_a_time_that_has_passed_is_refused():
    rules.require_ahead(NOW + timedelta(microseconds=1), NOW)
    with pytest.raises(Invalid):
        rules.require_ahead(NOW, NOW)


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
