"""Heartbeats through their doors: heard, missed, heard again, paused, and what is refused."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_notifications.heartbeats.timers import MISS
from services.notifications.tests.watching import DUE, Watch, later

BACKUP = {"name": "backup", "every": "PT1H", "grace": "PT1M", "labels": {"severity": "critical"}}
ALL_DUE = (*DUE, MISS)


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    return made


async def pass_by(watch, seconds, *, step=None):
    for _ in range(0, seconds, step or seconds):
        watch.service.clock.advance(step or seconds)
        await run_due(watch.service.db, ALL_DUE)


async def made(watch, **fields):
    return await watch.call("POST", "/v1/heartbeats", 201, **(BACKUP | fields))


async def beat(watch, heartbeat):
    return await watch.call("POST", f"/v1/heartbeats/{heartbeat['id']}/beat")


async def stands(watch, heartbeat):
    state = (await watch.call("GET", f"/v1/heartbeats/{heartbeat['id']}"))["state"]
    return state, [alert["status"] for alert in await watch.listed()]


async def answers(watch, id, headers):
    found = []
    for method, path, body in (
        ("GET", f"/v1/heartbeats/{id}", None),
        ("POST", f"/v1/heartbeats/{id}/beat", None),
        ("PATCH", f"/v1/heartbeats/{id}", {"every": "PT2H"}),
        ("DELETE", f"/v1/heartbeats/{id}", None),
    ):
        answer = await watch.service.client.request(method, path, json=body, headers=headers)
        found.append(answer.status_code)
    return found


async def test_a_heartbeat_that_is_late_is_an_alert_until_it_is_heard_again(watch):
    backup = await made(watch)
    assert await stands(watch, backup) == ("new", [])
    await pass_by(watch, 10 * 3600)  # never heard: not waited for
    assert await stands(watch, backup) == ("new", [])
    assert (await beat(watch, backup))["beat_at"] == later(watch, seconds=0)
    await pass_by(watch, 3_659)
    assert await stands(watch, backup) == ("alive", [])
    await pass_by(watch, 1)
    assert await stands(watch, backup) == ("missed", ["firing"])
    [alert] = await watch.listed()
    assert alert["labels"] == {"alertname": "HeartbeatMissed", "heartbeat": "backup", "severity": "critical"}
    await pass_by(watch, 30)
    assert await watch.said() == [("first notification", ["+HeartbeatMissed"])]
    await pass_by(watch, 24 * 3600, step=3600)
    assert await stands(watch, backup) == ("missed", ["firing"])
    await beat(watch, backup)
    assert await stands(watch, backup) == ("alive", ["resolved"])
    await pass_by(watch, 300)

    assert (await watch.said())[-1] == ("all alerts resolved", ["-HeartbeatMissed"])


async def test_one_that_comes_in_time_puts_it_off_each_time(watch):
    backup = await made(watch)
    for _ in range(30):
        await beat(watch, backup)
        await pass_by(watch, 3_600)
    assert await stands(watch, backup) == ("alive", [])
    await pass_by(watch, 60)

    assert await stands(watch, backup) == ("missed", ["firing"])


async def test_a_beat_makes_no_version(watch):
    backup = await made(watch)
    for _ in range(3):
        watch.service.clock.advance(60)
        await beat(watch, backup)
    shown = await watch.service.client.get(f"/v1/heartbeats/{backup['id']}", headers=watch.key)

    assert shown.headers["etag"] == '"1"'


async def test_a_paused_one_is_not_waited_for_and_begins_anew(watch):
    backup = await made(watch)
    path = f"/v1/heartbeats/{backup['id']}"
    await beat(watch, backup)
    await pass_by(watch, 3_660)
    await watch.call("PATCH", path, enabled=False)
    assert await stands(watch, backup) == ("paused", ["resolved"])
    assert (await watch.service.client.post(f"{path}/beat", headers=watch.key)).status_code == 409
    await pass_by(watch, 24 * 3600)
    await watch.call("PATCH", path, enabled=True)
    await pass_by(watch, 24 * 3600)
    assert await stands(watch, backup) == ("new", ["resolved"])
    await beat(watch, backup)
    await pass_by(watch, 3_660)

    assert await stands(watch, backup) == ("missed", ["firing"])


async def test_a_change_counts_at_once(watch):
    backup = await made(watch)
    path = f"/v1/heartbeats/{backup['id']}"
    await beat(watch, backup)
    await pass_by(watch, 1_800)
    await watch.call("PATCH", path, every="PT10M")
    await pass_by(watch, 1)
    assert await stands(watch, backup) == ("missed", ["firing"])
    await watch.call("PATCH", path, every="PT2H")
    assert await stands(watch, backup) == ("alive", ["resolved"])
    await watch.call("PATCH", path, every="PT10M", labels={"severity": "info"})
    await pass_by(watch, 1)

    found = {alert["severity"]: alert["status"] for alert in await watch.listed()}
    assert found == {"critical": "resolved", "info": "firing"}


async def test_one_that_is_thrown_away_ends_its_alert(watch):
    backup = await made(watch)
    await beat(watch, backup)
    await pass_by(watch, 3_660)
    await watch.call("DELETE", f"/v1/heartbeats/{backup['id']}", 204)
    await pass_by(watch, 24 * 3600)

    assert [alert["status"] for alert in await watch.listed()] == ["resolved"]
    assert await answers(watch, backup["id"], watch.key) == [404] * 4


async def test_a_beat_and_its_miss_at_once(watch):
    """Whoever is first: after both it is alive, and no alert fires."""
    backup = await made(watch)
    for _ in range(5):
        await beat(watch, backup)
        watch.service.clock.advance(3_660)
        await asyncio.gather(beat(watch, backup), run_due(watch.service.db, ALL_DUE))
        state, alerts = await stands(watch, backup)
        assert (state, alerts in ([], ["resolved"])) == ("alive", True)


async def test_workers_at_once_miss_it_once(watch):
    backup = await made(watch)
    await beat(watch, backup)
    watch.service.clock.advance(3_660)
    await asyncio.gather(*(run_due(watch.service.db, ALL_DUE) for _ in range(3)))

    [alert] = await watch.listed()
    assert (alert["status"], alert["firings"]) == ("firing", 1)


async def test_what_is_not_there_or_of_another_workspace(watch):
    backup = await made(watch)
    other = await watch.service.key(workspace="other")
    reader = await watch.service.key("notifications:read")

    assert await answers(watch, backup["id"], other) == [404] * 4
    assert await answers(watch, uuid4(), watch.key) == [404] * 4
    assert await answers(watch, backup["id"], {}) == [401] * 4
    assert await answers(watch, backup["id"], reader) == [200, 403, 403, 403]
    await watch.call("PATCH", f"/v1/heartbeats/{backup['id']}", every="PT3H")
    assert await answers(watch, backup["id"], watch.key | {"If-Match": '"1"'}) == [200, 200, 412, 412]
    assert (await watch.service.client.get("/v1/heartbeats", headers=other)).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"every": "PT29S"}, "/every"),
        ({"every": "P32D"}, "/every"),
        ({"every": "hourly"}, "/every"),
        ({"grace": "P8D"}, "/grace"),
        ({"labels": {"a-b": "x"}}, "/labels/a-b"),
        ({"labels": {"a": "x" * 1_001}}, "/labels/a"),
        ({"labels": {f"l{number}": "x" for number in range(21)}}, "/labels"),
        ({"enabled": "yes"}, "/enabled"),
        ({"beat_at": "2026-01-01T00:00:00Z"}, "/beat_at"),
    ],
)
async def test_a_heartbeat_that_is_none(watch, body, pointer):
    answer = await watch.service.client.post("/v1/heartbeats", json=BACKUP | body, headers=watch.key)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )


async def test_names_are_taken_once_and_how_many_there_may_be(watch, monkeypatch):
    await made(watch)
    sent = [
        watch.service.client.post("/v1/heartbeats", json=BACKUP | {"name": "other"}, headers=watch.key)
        for _ in range(3)
    ]
    assert sorted(answer.status_code for answer in await asyncio.gather(*sent)) == [201, 409, 409]
    monkeypatch.setattr("opsloop_common.limits.HEARTBEATS_PER_WORKSPACE", 2)
    answer = await watch.service.client.post("/v1/heartbeats", json=BACKUP | {"name": "third"}, headers=watch.key)

    assert (answer.status_code, answer.json()["type"].endswith("too_many")) == (409, True)


async def test_they_are_listed_newest_first_as_they_stand(watch):
    for name in ("a", "b", "c"):
        heartbeat = await made(watch, name=name)
    await beat(watch, heartbeat)
    listed = (await watch.call("GET", "/v1/heartbeats"))["items"]

    assert [(one["name"], one["state"]) for one in listed] == [("c", "alive"), ("b", "new"), ("a", "new")]


async def test_a_heartbeat_that_is_gone_is_not_missed(watch):
    backup = await made(watch)
    await beat(watch, backup)
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("DELETE FROM heartbeat"))
    watch.service.clock.advance(timedelta(days=1).total_seconds())

    assert await run_due(watch.service.db, [MISS]) == 1
    assert await watch.listed() == []


async def test_the_audit_log_does_not_say_what_runs(watch):
    backup = await made(watch, name="hidden job")
    await watch.call("PATCH", f"/v1/heartbeats/{backup['id']}", grace="PT5M")
    admin = await watch.service.key("notifications:admin")
    log = (await watch.service.client.get("/v1/audit", headers=admin)).text

    assert "heartbeat.updated" in log
    assert "hidden" not in log


async def test_where_no_more_alerts_may_fire_it_is_tried_again(watch, monkeypatch):
    backup = await made(watch)
    await beat(watch, backup)
    watch.service.clock.advance(3_660)
    with monkeypatch.context() as full:
        full.setattr("opsloop_common.limits.ALERTS_FIRING", 0)
        await run_due(watch.service.db, [MISS], raising=False)
        assert await stands(watch, backup) == ("missed", [])
    await pass_by(watch, 24 * 3600)

    assert await stands(watch, backup) == ("missed", ["firing"])


async def test_an_alert_that_was_ended_by_hand_stays_so_until_it_is_heard_and_missed_again(watch):
    backup = await made(watch)
    await beat(watch, backup)
    await pass_by(watch, 3_660)
    [alert] = await watch.listed()
    await watch.call("POST", f"/v1/alerts/{alert['id']}/resolve", note="it was moved to another machine")
    await pass_by(watch, 24 * 3600)
    assert await stands(watch, backup) == ("missed", ["resolved"])
    await beat(watch, backup)
    await pass_by(watch, 3_660)

    assert await stands(watch, backup) == ("missed", ["firing"])
    [alert] = await watch.listed()
    assert alert["firings"] == 2


async def test_it_is_escalated_as_any_alert(watch):
    steps = [{"after": "PT0S", "targets": [{"kind": "webhook", "id": watch.receiver["id"]}]}]
    matchers = [{"name": "heartbeat", "op": "=~", "value": "back.*"}]
    await watch.call("POST", "/v1/escalation-policies", 201, name="jobs", steps=steps, matchers=matchers)
    backup, other = await made(watch), await made(watch, name="other")
    for heartbeat in (backup, other):
        await beat(watch, heartbeat)
    await pass_by(watch, 3_660)

    assert await watch.said() == [("escalation step 1", ["+HeartbeatMissed"])]


async def test_jobs_of_one_name_in_two_workspaces_are_two(watch):
    other = Watch(watch.service, await watch.service.key(workspace="other"), None)
    mine, theirs = await made(watch), await made(other)
    await beat(watch, mine)
    await beat(other, theirs)
    await pass_by(watch, 3_000)
    await beat(other, theirs)
    await pass_by(watch, 660)

    assert await stands(watch, mine) == ("missed", ["firing"])
    assert await stands(other, theirs) == ("alive", [])


@pytest.mark.parametrize(
    ("every", "grace", "late"), [("PT30S", "PT0S", 30), ("PT5M", "PT30S", 330), ("P31D", "P7D", 38 * 86_400)]
)
async def test_the_shortest_and_the_longest(watch, every, grace, late):
    heartbeat = await made(watch, every=every, grace=grace)
    await beat(watch, heartbeat)
    await pass_by(watch, late - 1)
    assert (await stands(watch, heartbeat))[0] == "alive"
    await pass_by(watch, 1)

    assert await stands(watch, heartbeat) == ("missed", ["firing"])


@pytest.mark.parametrize("name", ["夜间备份", 'a"b\\c', "x\ty", "🔥", "' OR 1=1 --", "n" * 200])
async def test_whatever_it_is_called_it_is_only_a_name(watch, name):
    heartbeat = await made(watch, name=name)
    await beat(watch, heartbeat)
    await pass_by(watch, 3_660)
    [alert] = await watch.listed()

    assert alert["labels"]["heartbeat"] == name
