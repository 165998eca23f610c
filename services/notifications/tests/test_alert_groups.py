"""From what fires to what a receiver gets: groups through the doors, by a clock that the test turns."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.alert_rules.consumers import ALERTS
from opsloop_notifications.retention.timers import FORGET_OLD
from opsloop_notifications.sending.timers import dispatch_webhooks
from services.notifications.tests.watching import DUE, Watch, breach, lasting, later, named, over, recovery


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager", description="ops")
    return made


async def test_a_receiver_is_told_after_the_wait_at_looks_and_of_the_end(watch):
    await watch.post(lasting(watch, "a", kpi="k"), lasting(watch, "a", kpi="k", part="2"))
    await watch.pass_by(29)
    assert await watch.said() == []
    await watch.pass_by(1)
    assert await watch.said() == [("first notification", ["+a", "+a"])]
    await watch.post(over(watch, "a", kpi="k"))
    await watch.pass_by(299)
    assert len(await watch.said()) == 1
    await watch.pass_by(1)
    await watch.post(over(watch, "a", kpi="k", part="2"))
    await watch.pass_by(300)

    assert (await watch.said())[1:] == [("new resolved alerts", ["+a", "-a"]), ("all alerts resolved", ["-a"])]
    await watch.pass_by(4 * 3600)
    assert len(await watch.said()) == 3
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        assert (await session.scalar(text("SELECT count(*) FROM alert_group"))) == 0
        assert (await session.scalar(text("SELECT count(*) FROM alert_member"))) == 0


async def test_what_is_sent_is_alertmanagers_document_signed_as_every_webhook(watch, hook, work, until):
    watch.is_reached = False
    await watch.post(
        lasting(watch, "Down", kpi="k", severity="critical")
        | {"annotations": {"summary": "s"}, "generatorURL": "http://g"}
    )
    await watch.pass_by(30)

    async with work(watch.service, dispatch_webhooks):
        await until(lambda: hook.calls, "a call")

    headers, body = hook.calls[0]
    document = json.loads(body)
    [alert] = document.pop("alerts")
    assert headers["content-type"] == "application/json"
    assert headers["webhook-signature"].startswith("v1,")
    assert document == {
        "version": "4",
        "groupKey": '{}/{default}:{alertname="Down", kpi="k"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "ops",
        "groupLabels": {"alertname": "Down", "kpi": "k"},
        "commonLabels": {"alertname": "Down", "kpi": "k", "severity": "critical"},
        "commonAnnotations": {"summary": "s"},
        "routeLabels": {},
        "externalURL": document["externalURL"],
        "notification_reason": "first notification",
    }
    assert (alert["status"], alert["endsAt"], alert["generatorURL"]) == ("firing", "0001-01-01T00:00:00Z", "http://g")
    assert alert["annotations"] == {"summary": "s"}
    [listed] = await watch.listed()
    assert alert["fingerprint"] == listed["fingerprint"]


async def test_an_event_is_no_business_of_a_receiver_of_alerts(watch):
    from opsloop_notifications.sending.consumers import WEBHOOKS

    await deliver(watch.service.db, WEBHOOKS, make_event(breach(uuid4()), workspace="acme"))

    assert await watch.told() == []
    answer = await watch.service.client.post(
        f"/v1/webhooks/{watch.receiver['id']}/recover", json={"since": "2026-11-22T00:00:00Z"}, headers=watch.key
    )
    assert answer.status_code == 409


async def test_a_test_of_a_receiver_is_an_alert(watch, hook, work, until):
    await watch.call("POST", f"/v1/webhooks/{watch.receiver['id']}/test", 202)
    async with work(watch.service, dispatch_webhooks):
        await until(lambda: hook.calls, "a call")

    document = json.loads(hook.calls[0][1])
    assert (document["version"], document["alerts"][0]["labels"]["alertname"]) == ("4", "WebhookTest")


async def test_a_breach_is_an_alert_in_every_workspace_and_its_recovery_the_end(watch):
    incident = uuid4()
    await watch.happen(breach(incident))
    [alert] = await watch.listed()
    await watch.pass_by(30)
    await watch.happen(recovery(uuid4()))  # of another incident
    await watch.happen(recovery(incident, severity="warning"))  # whose severity was changed meanwhile
    await watch.pass_by(300)

    assert alert["labels"] == {
        "alertname": "KpiBreached",
        "kpi": "severe_share",
        "monitor_id": str(UUID(int=1)),
        "severity": "critical",
    }
    assert (alert["annotations"], alert["incident"]) == ({"value": "0.7", "threshold": "0.5"}, str(incident))
    assert await watch.said() == [("first notification", ["+KpiBreached"]), ("all alerts resolved", ["-KpiBreached"])]


async def test_nothing_is_told_of_what_ends_before_the_wait_is_over(watch):
    incident = uuid4()
    await watch.happen(breach(incident))
    await watch.pass_by(10)
    await watch.happen(recovery(incident))
    await watch.pass_by(1000, step=100)

    assert await watch.said() == []


async def test_events_twice_late_and_poisoned(watch):
    incident = uuid4()
    event = make_event(breach(incident), workspace="acme")
    for _ in range(2):
        await deliver(watch.service.db, ALERTS, event)
    await watch.happen(recovery(incident))
    await deliver(watch.service.db, ALERTS, event)
    [alert] = await watch.listed()

    assert (alert["status"], alert["firings"]) == ("resolved", 1)
    odd = make_event(breach(uuid4()), workspace="acme").model_copy(update={"data": {"kpi": {"a": 1}, "value": None}})
    await deliver(watch.service.db, ALERTS, odd)
    assert [one["labels"] for one in await watch.listed(status="firing")] == [{"alertname": "KpiBreached"}]


async def test_two_workspaces_know_nothing_of_each_other(watch):
    other = await watch.service.key(workspace="other")
    await watch.service.client.post("/api/v2/alerts", json=[named("theirs")], headers=other)
    await watch.pass_by(30)

    assert (await watch.listed(), await watch.told()) == ([], [])


async def test_a_receiver_that_was_not_reached_is_told_once_and_of_what_counts(watch):
    """The first message still waits when the second is due: it is withdrawn, and the ends that it told are told now."""
    watch.is_reached = False
    await watch.post(lasting(watch, "a", part="1"), lasting(watch, "a", part="2"), lasting(watch, "a", part="3"))
    await watch.pass_by(30)
    await watch.post(over(watch, "a", part="1"))
    await watch.pass_by(300)
    await watch.post(over(watch, "a", part="2"))
    await watch.pass_by(300)

    told = await watch.told()
    assert [status for _, status in told] == ["cancelled", "cancelled", "pending"]
    assert sorted((one["labels"]["part"], one["status"]) for one in told[-1][0]["alerts"]) == [
        ("1", "resolved"),
        ("2", "resolved"),
        ("3", "firing"),
    ]


async def test_mute_times_hold_a_route_quiet_and_what_fires_is_told_after_them(watch):
    now = watch.service.clock.now()
    hours = {"start": now.strftime("%H:%M"), "end": (now + timedelta(minutes=10)).strftime("%H:%M")}
    await watch.call("POST", "/v1/alert-routes", 201, name="night", mute_times=[hours])
    await run_due(watch.service.db, DUE)
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(330, step=30)
    assert await watch.said() == []
    await watch.pass_by(600, step=30)

    assert await watch.said() == [("first notification", ["+a"])]


async def test_an_endpoint_says_from_which_events_it_wants_alerts(watch, hook):
    picky = await watch.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager", event_types=["kpi.*"])
    await watch.post(lasting(watch, "posted"))
    await watch.happen(breach(uuid4()))
    await watch.pass_by(30)

    assert [names for _, names in await watch.said(picky)] == [["+KpiBreached"]]
    assert sorted(names for _, names in await watch.said()) == [["+KpiBreached"], ["+posted"]]


async def test_a_group_of_hundreds_is_told_of_in_part(watch):
    await watch.post(*(lasting(watch, "a", part=str(number)) for number in range(130)))
    await watch.pass_by(30)

    [(document, _)] = await watch.told()
    assert (len(document["alerts"]), document["truncatedAlerts"]) == (100, 30)


async def test_more_groups_than_there_may_be_are_one(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.ALERT_GROUPS", 2)
    await watch.post(*(lasting(watch, name) for name in "abcd"))
    await watch.pass_by(30)

    assert sorted(names for _, names in await watch.said()) == [["+a"], ["+b"], ["+c", "+d"]]


async def test_what_is_over_for_long_is_forgotten(watch):
    await watch.post(lasting(watch, "a"), lasting(watch, "b"))
    await watch.pass_by(30)
    await watch.post(over(watch, "a"))
    await watch.call(
        "POST", "/v1/silences", 201, matchers=[{"name": "x", "value": "y"}], comment="c", ends_at=later(watch, hours=1)
    )
    await watch.pass_by(30 * 24 * 3600 + 2 * 3600)
    # b ended by itself, a day after it was posted last
    await run_recurring(watch.service.db, [FORGET_OLD])

    assert [alert["name"] for alert in await watch.listed()] == ["b"]
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        counts = {
            table: await session.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("alert_notice", "silence", "alert_group")
        }
    assert counts == {"alert_notice": 2, "silence": 0, "alert_group": 0}


async def test_looks_at_once_do_not_tell_twice(watch):
    await watch.post(lasting(watch, "a"))
    watch.service.clock.advance(30)
    from opsloop_notifications.alert_groups import service as groups

    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        [group] = await session.scalars(text("SELECT id FROM alert_group"))

    async def look():
        async with watch.service.db.transaction(Context(workspace="acme")) as session:
            await groups.look(session, group)

    await asyncio.gather(*(look() for _ in range(4)))

    assert len(await watch.told()) == 1


@pytest.mark.parametrize("end", ["deleted", "disabled"])
async def test_what_goes_to_a_receiver_that_is_no_more_goes_to_the_others(watch, end):
    own = await watch.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/", format="alertmanager")
    await watch.call("POST", "/v1/alert-routes", 201, name="own", receiver=own["id"], group_wait="PT0S")
    if end == "deleted":
        await watch.call("DELETE", f"/v1/webhooks/{own['id']}", 204)
    else:
        changed = {"status": "disabled"}
        await watch.service.client.patch(f"/v1/webhooks/{own['id']}", json=changed, headers=watch.key)
    await watch.post(lasting(watch, "Down"))
    await watch.pass_by(1)

    assert [names for _, names in await watch.said()] == [["+Down"]]
