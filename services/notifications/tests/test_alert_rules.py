"""What becomes an alert, through the doors: events by rules, and what clients of Alertmanager post."""

from base64 import b64encode
from uuid import uuid4

import pytest

from opsloop_common.contracts.feedback import Author, FeedbackReceived
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.alert_rules.consumers import ALERTS
from opsloop_notifications.alerts.timers import EXPIRE
from services.notifications.tests.watching import Watch, breach, named


@pytest.fixture
async def watch(service):
    return Watch(service, await service.key(), None)


async def test_grafanas_webhook_is_taken_as_it_is(watch):
    body = {
        "receiver": "r", "status": "firing", "version": "1", "orgId": 1, "title": "t",
        "alerts": [
            {"status": "firing", "labels": {"alertname": "g"}, "annotations": {}, "startsAt": "2026-11-22T00:00:00Z",
             "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://g", "fingerprint": "x", "values": {"A": 1}},
            {"status": "resolved", "labels": {"alertname": "h"}, "annotations": {}, "startsAt": "2026-11-22T00:00:00Z",
             "endsAt": "2026-11-22T00:01:00Z", "generatorURL": "", "fingerprint": "y"},
        ],
    }  # fmt: skip
    answer = await watch.service.client.post("/api/v2/alerts", json=body, headers=watch.key)

    assert (answer.status_code, answer.content) == (200, b"")
    assert [alert["name"] for alert in await watch.listed()] == ["g"]
    await watch.pass_by(5 * 3600, step=600)
    assert [alert["status"] for alert in await watch.listed()] == ["firing"], "it repeats it after four hours"
    await watch.pass_by(20 * 3600, step=600)
    assert [alert["status"] for alert in await watch.listed()] == ["resolved"], "its end was lost"


async def test_prometheus_signs_in_as_it_can(watch):
    token = watch.key["Authorization"].removeprefix("Bearer ")
    basic = b64encode(f"anybody:{token}".encode()).decode()

    async def posted(authorization):
        headers = {"Authorization": authorization} if authorization else {}
        answer = await watch.service.client.post("/api/v2/alerts", json=[named("a")], headers=headers)
        if answer.status_code != 200:
            assert set(answer.json()) == {"code", "message"}
        return answer.status_code

    assert await posted(f"Bearer {token}") == 200
    assert await posted(f"Basic {basic}") == 200
    assert [
        await posted(bad) for bad in (None, "Basic", "Basic ///", "Basic eDp5", "Basic /w==", f"Basic {token}")
    ] == [401] * 6
    reader = await watch.service.key("notifications:read")
    assert await posted(reader["Authorization"]) == 403


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (named("a", **{"b-c": "d"}), "invalid label name"),
        ({"labels": {}}, "at least one label pair required"),
        ({"labels": {"a": ""}}, "at least one label pair required"),
        ({"labels": {"a": "x" * 1_001}}, "a label has more than 1000 characters"),
        ({"labels": {f"l{number}": "x" for number in range(51)}}, "at most 50 labels and 30 annotations"),
        (named("a") | {"annotations": {"é": "x"}}, "invalid annotation name"),
        (
            named("a") | {"startsAt": "2026-11-22T01:00:00Z", "endsAt": "2026-11-22T00:00:00Z"},
            "start time must be before end time",
        ),
        (1, "must be an object"),
        ({"labels": {"a": 1}}, "/labels/a: Input should be a valid string"),
        (
            named("a") | {"startsAt": "yesterday"},
            "/startsAt: must be an RFC 3339 time with its offset, such as 2026-11-22T08:00:00Z",
        ),
    ],
)
async def test_of_what_is_no_alert_it_says_why_and_takes_the_others(watch, bad, words):
    answer = await watch.service.client.post("/api/v2/alerts", json=[bad, named("good"), bad], headers=watch.key)

    assert (answer.status_code, answer.json()) == (400, {"code": 400, "message": words})
    assert [alert["name"] for alert in await watch.listed()] == ["good"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"1", 422), (b"{}", 422), (b'[{"labels": {"a": "\\u0000"}}]', 422),
     (b"[" + b",".join([b'{"labels":{"a":"b"}}'] * 1001) + b"]", 422)],
)  # fmt: skip
async def test_what_is_no_list_of_alerts_is_refused_as_alertmanager_does(watch, body, status):
    answer = await watch.service.client.post(
        "/api/v2/alerts", content=body, headers=watch.key | {"Content-Type": "application/json"}
    )

    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"code", "message"}
    assert await watch.listed() == []


def post_of(severity, number=1):
    return FeedbackReceived(
        feedback_id=uuid4(), number=number, kind="bug", severity=severity, sentiment=-1, channel="api", tags=["t"],
        author=Author(user_id="u1"), occurred_at="2026-11-22T00:00:00Z",
    )  # fmt: skip


SEVERE = {
    "name": "SevereFeedback",
    "event_types": ["feedback.received"],
    "when": [{"field": "data.severity", "op": "eq", "value": "s1"}],
    "labels": {"team": "support"},
    "labels_from": {"channel": "data.channel", "tags": "data.tags", "area": "data.area"},
    "annotations": {"summary": "a severe post"},
    "annotations_from": {"number": "data.number"},
    "resolve_after": "PT1H",
}


async def test_rules_make_alerts_of_any_event(watch):
    rule = await watch.call("POST", "/v1/alert-rules", 201, **SEVERE)
    await watch.happen(post_of("s1", 7), post_of("s3", 8))
    [alert] = await watch.listed()

    assert alert["labels"] == {"alertname": "SevereFeedback", "team": "support", "channel": "api"}
    assert (alert["annotations"], alert["event_type"]) == (
        {"summary": "a severe post", "number": "7"},
        "feedback.received",
    )
    watch.service.clock.advance(3000)
    await watch.happen(post_of("s1", 9))
    watch.service.clock.advance(3599)
    await run_due(watch.service.db, [EXPIRE])
    assert (await watch.listed())[0]["status"] == "firing"
    watch.service.clock.advance(1)
    await run_due(watch.service.db, [EXPIRE])
    assert (await watch.listed())[0]["status"] == "resolved"
    await watch.call("PATCH", f"/v1/alert-rules/{rule['id']}", enabled=False)
    await watch.happen(post_of("s1", 10))
    assert (await watch.listed())[0]["status"] == "resolved"


async def test_a_rule_of_its_name_takes_the_place_of_the_one_that_all_have(watch):
    rule = await watch.call(
        "POST", "/v1/alert-rules", 201, name="KpiBreached", event_types=["kpi.breached"], enabled=False
    )
    await watch.happen(breach(uuid4()))
    assert await watch.listed() == []
    await watch.call("DELETE", f"/v1/alert-rules/{rule['id']}", 204)
    await watch.happen(breach(uuid4()))

    assert [alert["name"] for alert in await watch.listed()] == ["KpiBreached"]


async def test_alerts_make_no_alerts(watch):
    await watch.call("POST", "/v1/alert-rules", 201, name="all", event_types=["*"])
    deep = make_event(post_of("s1"), workspace="acme").model_copy(update={"causationdepth": 6})
    told = make_event(post_of("s1"), workspace="acme").model_copy(update={"type": "alert.triggered"})
    await deliver(watch.service.db, ALERTS, deep, told)

    assert await watch.listed() == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"event_types": []}, "/event_types"),
        ({"event_types": ["kpi.broken"]}, "/event_types/0"),
        ({"when": [{"field": "data.kpi", "op": "eq", "value": "x"}]}, "/when/0/field"),
        ({"labels": {"a-b": "c"}}, "/labels/a-b"),
        ({"labels_from": {"a": "kpi"}}, "/labels_from/a"),
        ({"resolve_after": "PT1S"}, "/resolve_after"),
        ({"name": "Ünique"}, "/name"),
    ],
)
async def test_a_rule_that_is_none(watch, body, pointer):
    answer = await watch.service.client.post("/v1/alert-rules", json=SEVERE | body, headers=watch.key)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )


async def test_names_of_rules_are_taken_once(watch):
    await watch.call("POST", "/v1/alert-rules", 201, **SEVERE)
    assert (await watch.service.client.post("/v1/alert-rules", json=SEVERE, headers=watch.key)).status_code == 409
