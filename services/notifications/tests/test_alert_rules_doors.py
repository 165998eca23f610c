"""The doors of rules, and events at the edges: what is refused, versions, other workspaces, and bounds."""

import asyncio
from uuid import uuid4

import pytest

from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.alert_rules.consumers import ALERTS
from services.notifications.tests.watching import Watch, breach, lasting, named, recovery

RULE = {"name": "Breaches", "event_types": ["kpi.breached"], "labels_from": {"kpi": "data.kpi"}}


@pytest.fixture
async def watch(service):
    return Watch(service, await service.key(), None)


async def answers(watch, id, headers, change=None):
    found = []
    for method, body in (("GET", None), ("PATCH", change or {"enabled": False}), ("DELETE", None)):
        answer = await watch.service.client.request(method, f"/v1/alert-rules/{id}", json=body, headers=headers)
        found.append(answer.status_code)
    return found


async def test_a_rule_is_kept_shown_changed_and_thrown_away(watch):
    made = await watch.call("POST", "/v1/alert-rules", 201, **RULE)
    path = f"/v1/alert-rules/{made['id']}"
    given = {
        name: made[name]
        for name in ("enabled", "resolve_types", "when", "labels", "annotations", "incident_from", "resolve_after")
    }
    assert given == {
        "enabled": True, "resolve_types": [], "when": [], "labels": {}, "annotations": {}, "incident_from": None, "resolve_after": None
    }  # fmt: skip
    changes = {
        "event_types": ["kpi.*"],
        "resolve_types": ["kpi.recovered"],
        "when": [{"field": "data.severity", "op": "eq", "value": "critical"}],
        "labels": {"team": "growth"},
        "annotations": {"summary": "s"},
        "annotations_from": {"value": "data.value"},
        "incident_from": "data.incident_id",
        "resolve_after": "PT2H",
        "enabled": False,
    }
    changed = await watch.call("PATCH", path, **changes)
    assert {name: changed[name] for name in changes} == changes
    cleared = await watch.call("PATCH", path, resolve_after=None, incident_from=None)
    assert (cleared["resolve_after"], cleared["incident_from"], cleared["labels"]) == (None, None, {"team": "growth"})
    assert await watch.call("GET", path) == cleared
    await watch.call("DELETE", path, 204)
    assert await answers(watch, made["id"], watch.key) == [404, 404, 404]


async def test_what_is_not_there_or_of_another_workspace(watch):
    made = await watch.call("POST", "/v1/alert-rules", 201, **RULE)
    other = await watch.service.key(workspace="other")

    assert await answers(watch, made["id"], other) == [404] * 3
    assert await answers(watch, uuid4(), watch.key) == [404] * 3
    assert await answers(watch, "1", watch.key) == [404] * 3
    assert await answers(watch, made["id"], {}) == [401] * 3
    assert (await watch.service.client.get("/v1/alert-rules", headers=other)).json()["items"] == []


async def test_who_may_only_read_changes_nothing(watch):
    made = await watch.call("POST", "/v1/alert-rules", 201, **RULE)
    reader = await watch.service.key("notifications:read")

    assert await answers(watch, made["id"], reader) == [200, 403, 403]
    answer = await watch.service.client.post("/v1/alert-rules", json=RULE | {"name": "b"}, headers=reader)
    assert answer.status_code == 403


async def test_only_the_version_that_was_seen_is_changed(watch):
    made = await watch.call("POST", "/v1/alert-rules", 201, **RULE)
    await watch.call("PATCH", f"/v1/alert-rules/{made['id']}", labels={"a": "b"})

    assert await answers(watch, made["id"], watch.key | {"If-Match": '"1"'}) == [200, 412, 412]
    assert await answers(watch, made["id"], watch.key | {"If-Match": '"2"'}, {"labels": {}}) == [200, 200, 412]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"event_types": ["KPI"]}, "/event_types/0"),
        ({"event_types": ["kpi.*"] * 21}, "/event_types"),
        ({"resolve_types": ["kpi.mended"]}, "/resolve_types/0"),
        ({"when": [{"field": "data.severity", "op": "eq", "value": "s1"}]}, "/when/0/value"),
        ({"when": [{"field": "data.kpi", "op": "exists"}] * 21}, "/when"),
        ({"labels": {"a": "x" * 1_001}}, "/labels/a"),
        ({"labels": {"a": "\x00"}}, "/labels/a"),
        ({"labels": {f"l{number}": "x" for number in range(21)}}, "/labels"),
        ({"labels_from": {"a": "data"}}, "/labels_from/a"),
        ({"labels_from": {"a b": "data.kpi"}}, "/labels_from/a b"),
        ({"annotations_from": {"a": "workspace"}}, "/annotations_from/a"),
        ({"incident_from": "incident"}, "/incident_from"),
        ({"resolve_after": "PT59S"}, "/resolve_after"),
        ({"resolve_after": "P32D"}, "/resolve_after"),
        ({"resolve_after": "soon"}, "/resolve_after"),
        ({"enabled": "yes"}, "/enabled"),
        ({"lables": {}}, "/lables"),
    ],
)
async def test_a_rule_that_is_none(watch, body, pointer):
    answer = await watch.service.client.post("/v1/alert-rules", json=RULE | body, headers=watch.key)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )


async def test_a_change_is_asked_together_with_what_stays(watch):
    """A condition that could be meant of the types that were, and cannot of those that are."""
    condition = {"field": "data.kpi", "op": "eq", "value": "x"}
    made = await watch.call("POST", "/v1/alert-rules", 201, **RULE, when=[condition])
    path = f"/v1/alert-rules/{made['id']}"
    answer = await watch.service.client.patch(path, json={"event_types": ["feedback.received"]}, headers=watch.key)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/when/0/field"]

    both = await watch.call("PATCH", path, event_types=["feedback.received"], when=[])
    assert both["event_types"] == ["feedback.received"]


async def test_two_who_add_a_rule_of_one_name_at_once_add_one(watch):
    sent = [watch.service.client.post("/v1/alert-rules", json=RULE, headers=watch.key) for _ in range(4)]
    found = sorted(answer.status_code for answer in await asyncio.gather(*sent))

    assert found == [201, 409, 409, 409]


async def test_a_rule_of_another_workspace_makes_no_alerts_here(watch):
    other = Watch(watch.service, await watch.service.key(workspace="other"), None)
    await other.call("POST", "/v1/alert-rules", 201, **RULE)
    await watch.happen(breach(uuid4()))

    assert [alert["name"] for alert in await watch.listed()] == ["KpiBreached"]
    assert await other.listed() == []


async def test_one_event_may_be_several_alerts(watch):
    await watch.call("POST", "/v1/alert-rules", 201, **RULE)
    await watch.call(
        "POST", "/v1/alert-rules", 201, **(RULE | {"name": "Broad", "event_types": ["*"], "labels_from": {}})
    )
    await watch.happen(breach(uuid4()), breach(uuid4(), kpi="other"))

    found = sorted((alert["name"], alert["labels"].get("kpi"), alert["firings"]) for alert in await watch.listed())
    assert [(name, kpi) for name, kpi, _ in found if kpi] == [
        ("Breaches", "other"), ("Breaches", "severe_share"), ("KpiBreached", "other"), ("KpiBreached", "severe_share"),
    ]  # fmt: skip
    assert ("Broad", None, 1) in found


async def test_what_fires_by_a_rule_goes_on_when_the_rule_is_gone(watch):
    rule = RULE | {"resolve_types": ["kpi.recovered"], "incident_from": "data.incident_id"}
    made = await watch.call("POST", "/v1/alert-rules", 201, **rule)
    incident = uuid4()
    await watch.happen(breach(incident))
    await watch.call("DELETE", f"/v1/alert-rules/{made['id']}", 204)
    await watch.happen(recovery(incident))
    found = {alert["name"]: alert for alert in await watch.listed()}
    assert {name: alert["status"] for name, alert in found.items()} == {"Breaches": "firing", "KpiBreached": "resolved"}

    ended = await watch.call("POST", f"/v1/alerts/{found['Breaches']['id']}/resolve", note="its rule is gone")
    assert ended["status"] == "resolved"


async def test_an_event_heard_again_after_the_end_fires_nothing(watch):
    incident = uuid4()
    fired, ended = (make_event(data, workspace="acme") for data in (breach(incident), recovery(incident)))
    for event in (fired, ended, fired, ended, fired):
        await deliver(watch.service.db, ALERTS, event)

    assert [(alert["status"], alert["firings"]) for alert in await watch.listed()] == [("resolved", 1)]


async def test_when_too_many_fire_the_ends_of_the_same_batch_are_heard(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.ALERTS_FIRING", 3)
    incidents = [uuid4() for _ in range(3)]
    await watch.happen(*(breach(one, kpi=f"k{number}") for number, one in enumerate(incidents)))
    await watch.happen(
        breach(uuid4(), kpi="one too many"), *(recovery(one, kpi=f"k{n}") for n, one in enumerate(incidents))
    )
    await watch.happen(breach(uuid4(), kpi="there is room again"))

    assert [alert["labels"]["kpi"] for alert in await watch.listed(status="firing")] == ["there is room again"]


async def test_a_post_with_faults_and_too_many_takes_nothing(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.ALERTS_FIRING", 1)
    sent = [named("a"), {"labels": {}}, lasting(watch, "b")]
    answer = await watch.service.client.post("/api/v2/alerts", json=sent, headers=watch.key)

    assert (answer.status_code, set(answer.json())) == (409, {"code", "message"})
    assert await watch.listed() == []


GROUPED = [
    {
        "any": [
            {"field": "data.kpi", "op": "regex", "value": "^severe_"},
            {"field": "data.value", "op": "gt", "value": 100},
        ]
    },
    {"field": "data.severity", "op": "ne", "value": "info"},
]


async def test_rules_take_filters_in_groups_and_regular_expressions(watch):
    made = await watch.call("POST", "/v1/alert-rules", 201, **(RULE | {"when": GROUPED}))
    assert made["when"] == GROUPED
    await watch.happen(breach(uuid4()), breach(uuid4(), kpi="other"), breach(uuid4(), kpi="severe_b", severity="info"))

    assert [alert["labels"]["kpi"] for alert in await watch.listed(name="Breaches")] == ["severe_share"]


@pytest.mark.parametrize(
    ("when", "pointer"),
    [
        ([{"field": "data.kpi", "op": "regex", "value": "("}], "/when/0/value"),
        ([{"any": [{"field": "data.kpy", "op": "exists"}]}], "/when/0/any/0/field"),
        ([{"any": []}], "/when/0/any"),
    ],
)
async def test_filters_that_are_none(watch, when, pointer):
    answer = await watch.service.client.post("/v1/alert-rules", json=RULE | {"when": when}, headers=watch.key)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )
