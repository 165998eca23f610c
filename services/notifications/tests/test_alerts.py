"""Alerts through their doors: what clients post, who sees to them, and their log."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_notifications.alerts.timers import EXPIRE
from services.notifications.tests.watching import Watch, breach, lasting, named, over, recovery


@pytest.fixture
async def watch(service):
    return Watch(service, await service.key(), None)


async def events(watch):
    """Return the types and data of what alerts said, in order."""
    async with watch.service.db.transaction() as session:
        rows = await session.execute(text("SELECT type, payload FROM outbox WHERE type LIKE 'alert.%' ORDER BY id"))
        return [row.type for row in rows]


async def log_of(watch, alert):
    return [
        (one["kind"], one["detail"].get("reason"))
        for one in (await watch.call("GET", f"/v1/alerts/{alert['id']}"))["log"]
    ]


async def test_what_prometheus_posts_fires_and_ends_by_itself(watch):
    await watch.post(
        named("Down", severity="critical", empty="") | {"annotations": {"summary": "s"}, "generatorURL": "http://g"}
    )
    [alert] = await watch.listed()
    now = watch.service.clock.now()

    assert alert["labels"] == {"alertname": "Down", "severity": "critical"}
    assert (alert["status"], alert["name"], alert["severity"], alert["firings"]) == ("firing", "Down", "critical", 1)
    assert alert["ends_at"] == _said(now + timedelta(minutes=5))
    watch.service.clock.advance(240)
    await watch.post(named("Down", severity="critical"))  # as it does again and again
    watch.service.clock.advance(299)
    await run_due(watch.service.db, [EXPIRE])
    assert (await watch.listed())[0]["status"] == "firing"
    watch.service.clock.advance(1)
    await run_due(watch.service.db, [EXPIRE])

    [alert] = await watch.listed()
    assert (alert["status"], alert["resolved_at"]) == ("resolved", _said(now + timedelta(minutes=9)))
    assert await log_of(watch, alert) == [("resolved", "expired"), ("fired", None)]
    assert await events(watch) == ["alert.triggered", "alert.resolved"]


def _said(moment):
    return moment.isoformat().replace("+00:00", "Z")


async def test_a_client_says_when_it_began_and_when_it_ended(watch):
    began = watch.service.clock.now() - timedelta(hours=1)
    await watch.post(named("a") | {"startsAt": _said(began), "endsAt": "0001-01-01T00:00:00Z"})
    [alert] = await watch.listed()
    assert alert["starts_at"] == _said(began)
    await watch.post(over(watch, "a"), over(watch, "never heard of"))

    [alert] = await watch.listed()
    assert (alert["status"], alert["ends_at"]) == ("resolved", _said(watch.service.clock.now()))


async def test_more_than_may_fire_are_refused_and_those_of_events_left_out(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.ALERTS_FIRING", 2)
    incident = uuid4()
    await watch.post(lasting(watch, "a"))
    await watch.happen(breach(incident))
    answer = await watch.service.client.post("/api/v2/alerts", json=[named("b")], headers=watch.key)
    assert (answer.status_code, answer.json()["code"]) == (409, 409)
    await watch.post(lasting(watch, "a"))  # those that fire go on
    await watch.happen(breach(uuid4(), kpi="other"), recovery(incident))

    assert [(alert["name"], alert["status"]) for alert in await watch.listed()] == [
        ("KpiBreached", "resolved"),
        ("a", "firing"),
    ]


async def test_beside_one_too_many_those_that_fire_go_on_and_ends_are_heard(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.ALERTS_FIRING", 2)
    await watch.post(named("a"), named("b"))
    for _ in range(6):  # without being said again they would end after five minutes
        await watch.pass_by(60)
        sent = [named("a"), named("b"), named("c"), {"labels": {}}]
        answer = await watch.service.client.post("/api/v2/alerts", json=sent, headers=watch.key)
        assert (answer.status_code, answer.json()["code"]) == (409, 409)
        assert "at least one label pair" in answer.json()["message"]
    assert {(one["name"], one["status"]) for one in await watch.listed()} == {("a", "firing"), ("b", "firing")}

    await watch.service.client.post("/api/v2/alerts", json=[named("c"), over(watch, "a")], headers=watch.key)
    assert {(one["name"], one["status"]) for one in await watch.listed()} == {("a", "resolved"), ("b", "firing")}
    await watch.post(named("c"))
    answer = await watch.service.client.post("/api/v2/alerts", json=[named("a")], headers=watch.key)
    assert answer.status_code == 409, "one that fires again is one more"
    assert [one["name"] for one in await watch.listed(status="firing")] == ["c", "b"]


async def test_an_event_too_many_leaves_the_end_of_those_beside_it_put_off(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.ALERTS_FIRING", 1)
    rule = {"event_types": ["kpi.breached"], "labels_from": {"kpi": "data.kpi"}, "resolve_after": "PT10M"}
    await watch.call("POST", "/v1/alert-rules", 201, name="Breaches", **rule)
    await watch.call("POST", "/v1/alert-rules", 201, name="KpiBreached", event_types=["campaign.paused"])
    await watch.happen(breach(uuid4(), kpi="k1"))
    await watch.pass_by(300)
    await watch.happen(breach(uuid4(), kpi="k1"), breach(uuid4(), kpi="k2"))

    [alert] = await watch.listed()
    assert alert["ends_at"] == _said(watch.service.clock.now() + timedelta(minutes=10))


async def test_somebody_sees_to_it(watch):
    await watch.post(lasting(watch, "a"))
    [alert] = await watch.listed()
    path = f"/v1/alerts/{alert['id']}"

    taken = await watch.call("POST", f"{path}/acknowledge", note="on it")
    again = await watch.call("POST", f"{path}/acknowledge", note="twice")
    await watch.call("POST", f"{path}/assign", assignee="growth")
    await watch.call("POST", f"{path}/notes", 201, note="it was the release")
    assert (taken["acknowledged_at"], again["acknowledged_at"]) == (_said(watch.service.clock.now()),) * 2
    assert taken["acknowledged_by"].startswith("key:")
    assert [one["id"] for one in await watch.listed(acknowledged="true", assignee="growth")] == [alert["id"]]
    done = await watch.call("POST", f"{path}/resolve", note="rolled back")

    assert done["status"] == "resolved"
    log = (await watch.call("GET", path))["log"]
    assert [(one["kind"], one["note"]) for one in reversed(log)] == [
        ("fired", None), ("acknowledged", "on it"), ("assigned", None), ("noted", "it was the release"), ("resolved", "rolled back"),
    ]  # fmt: skip
    assert [one["detail"] for one in reversed(log)][2:] == [{"assignee": "growth"}, {}, {"reason": "by_hand"}]
    for verb in ("acknowledge", "unacknowledge", "resolve"):
        answer = await watch.service.client.post(f"{path}/{verb}", json={}, headers=watch.key)
        assert answer.status_code == 409
    assert await events(watch) == ["alert.triggered", "alert.acknowledged", "alert.resolved"]


async def test_what_was_seen_to_and_fires_again_is_to_be_seen_to_again(watch):
    await watch.post(lasting(watch, "a"))
    [alert] = await watch.listed()
    await watch.call("POST", f"/v1/alerts/{alert['id']}/acknowledge", note="x")
    await watch.post(over(watch, "a"))
    watch.service.clock.advance(60)
    await watch.post(lasting(watch, "a"))

    [again] = await watch.listed()
    assert (again["id"], again["firings"], again["acknowledged_at"], again["resolved_at"]) == (
        alert["id"],
        2,
        None,
        None,
    )
    assert again["starts_at"] == _said(watch.service.clock.now())


async def test_nobody_takes_it_away_again(watch):
    await watch.post(lasting(watch, "a"))
    [alert] = await watch.listed()
    path = f"/v1/alerts/{alert['id']}"
    await watch.call("POST", f"{path}/acknowledge", note="x")
    freed = await watch.call("POST", f"{path}/unacknowledge", note="leaving")

    assert (freed["acknowledged_at"], freed["acknowledged_by"]) == (None, None)
    assert [kind for kind, _ in await log_of(watch, alert)] == ["unacknowledged", "acknowledged", "fired"]
    stale = watch.key | {"If-Match": '"1"'}
    answer = await watch.service.client.post(f"{path}/resolve", json={}, headers=stale)
    assert answer.status_code == 412


async def test_the_log_cannot_be_changed(watch):
    await watch.post(lasting(watch, "a"))
    with pytest.raises(DBAPIError, match="not changed"):
        async with watch.service.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text("UPDATE alert_entry SET kind = 'noted'"))


async def test_one_that_flaps_ends_when_it_was_quiet(watch):
    for _ in range(8):
        await watch.post(lasting(watch, "a"))
        watch.service.clock.advance(20)
        await watch.post(over(watch, "a"))
        watch.service.clock.advance(20)
    [alert] = await watch.listed()
    assert (alert["status"], alert["firings"]) == ("firing", 8)
    assert alert["held_at"] is not None
    assert [kind for kind, _ in await log_of(watch, alert)] == ["flapping", "fired", *["resolved", "fired"] * 4]
    assert (await events(watch)).count("alert.triggered") == 5
    watch.service.clock.advance(600)
    await run_due(watch.service.db, [EXPIRE])

    [alert] = await watch.listed()
    assert (alert["status"], alert["held_at"]) == ("resolved", None)
    assert (await log_of(watch, alert))[0] == ("resolved", "recovered")
    assert (await events(watch)).count("alert.resolved") == 5


async def test_the_list_is_narrowed(watch):
    await watch.post(
        lasting(watch, "a", severity="critical", kpi="x"), lasting(watch, "b", severity="info"), lasting(watch, "c")
    )
    await watch.post(over(watch, "c"))

    async def names(**query):
        return [alert["name"] for alert in await watch.listed(**query)]

    assert await names() == ["c", "b", "a"]
    assert await names(status="firing") == ["b", "a"]
    assert await names(severity=["critical", "info"]) == ["b", "a"]
    assert await names(name="a") == ["a"]
    assert await names(label=["kpi=x", "severity=critical"]) == ["a"]
    assert await names(label="kpi=y") == []
    assert await names(acknowledged="true") == []
    first = (await watch.service.client.get("/v1/alerts", params={"limit": 2}, headers=watch.key)).json()
    rest = await watch.listed(limit=2, cursor=first["next_cursor"])
    assert [alert["name"] for alert in [*first["items"], *rest]] == ["c", "b", "a"]
    answer = await watch.service.client.get("/v1/alerts", params={"label": "no-label"}, headers=watch.key)
    assert answer.status_code == 422


async def test_nothing_of_another_workspace(watch):
    await watch.post(lasting(watch, "a"))
    [alert] = await watch.listed()
    other = await watch.service.key(workspace="other")

    for method, path in (
        ("GET", ""),
        ("POST", "/acknowledge"),
        ("POST", "/resolve"),
        ("POST", "/assign"),
        ("POST", "/notes"),
    ):
        body = {"note": "x"} if path != "/assign" else {"assignee": "x"}
        answer = await watch.service.client.request(
            method, f"/v1/alerts/{alert['id']}{path}", headers=other, json=body if method == "POST" else None
        )
        assert answer.status_code == 404, path
    assert (await watch.service.client.get("/v1/alerts", headers=other)).json()["items"] == []
