"""An alert that fires, and one of everything that says who is told of it."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

MATCHERS = [{"name": "area", "op": "=~", "value": "pay.*"}]
SILENCE = {"matchers": MATCHERS, "ends_at": "2027-01-01T00:00:00Z", "comment": "a release"}
INHIBITION = {
    "name": "worse first",
    "source": [{"name": "severity", "op": "=", "value": "critical"}],
    "target": [{"name": "severity", "op": "=", "value": "warning"}],
    "equal": ["kpi"],
}
ROUTE = {
    "name": "severe",
    "position": 10,
    "matchers": MATCHERS,
    "group_by": ["kpi"],
    "continue": True,
    "mute_times": [{"days": ["monday"], "start": "22:00", "end": "08:00", "time_zone": "Asia/Shanghai"}],
}
RULE = {
    "name": "SevereFeedback",
    "event_types": ["feedback.received"],
    "when": [{"field": "data.severity", "op": "eq", "value": "s1"}],
    "labels": {"team": "support"},
    "labels_from": {"channel": "data.channel"},
    "annotations": {"summary": "a severe post"},
    "annotations_from": {"number": "data.number"},
    "resolve_after": "PT1H",
}
ALERTS = [
    {
        "labels": {"alertname": "Down", "area": "payments"},
        "annotations": {"summary": "s"},
        "endsAt": "2027-01-01T00:00:00Z",
    }
]
SCHEDULE = {
    "name": "on call",
    "time_zone": "Asia/Shanghai",
    "rotations": [{"users": ["u1", "u2"], "begins": "2026-01-05T09:00", "unit": "weeks", "length": 1}],
}
OVERRIDE = {"user_id": "u2", "ends_at": "2027-01-01T00:00:00Z"}
POLICY = {
    "name": "severe",
    "position": 10,
    "matchers": MATCHERS,
    "steps": [{"after": "PT5M", "targets": [{"kind": "user", "id": "u1"}]}],
    "repeats": 1,
    "reopens_after": "PT1H",
}
HEARTBEAT = {"name": "backup", "every": "PT1H", "grace": "PT5M", "labels": {"severity": "critical"}}
WORDED_MATCHERS = [{"name": "area", "op": "=", "value": SAID}]


async def make(api: Api) -> dict[str, str]:
    """Make an alert, a rule, a route, a silence and an inhibition rule."""
    answer = await api.client.post("/api/v2/alerts", json=ALERTS, headers=await api.key())
    assert answer.status_code == 200, answer.text
    [alert] = (await api.client.get("/v1/alerts", headers=await api.key())).json()["items"]
    schedule = (await post(api, "/v1/schedules", SCHEDULE))["id"]
    return {
        "schedule_id": schedule,
        "heartbeat_id": (await post(api, "/v1/heartbeats", HEARTBEAT))["id"],
        "override_id": (await post(api, f"/v1/schedules/{schedule}/overrides", OVERRIDE))["id"],
        "policy_id": (await post(api, "/v1/escalation-policies", POLICY))["id"],
        "alert_id": alert["id"],
        "silence_id": (await post(api, "/v1/silences", SILENCE))["id"],
        "inhibition_rule_id": (await post(api, "/v1/inhibition-rules", INHIBITION))["id"],
        "route_id": (await post(api, "/v1/alert-routes", ROUTE))["id"],
        "alert_rule_id": (await post(api, "/v1/alert-rules", RULE))["id"],
    }


WORLD = World(
    "notifications",
    make,
    bodies={
        "POST /v1/alerts/{alert_id}/acknowledge": {"note": "on it"},
        "POST /v1/alerts/{alert_id}/unacknowledge": {"note": "no more"},
        "POST /v1/alerts/{alert_id}/resolve": {"note": "rolled back"},
        "POST /v1/alerts/{alert_id}/assign": {"assignee": "growth"},
        "POST /v1/alerts/{alert_id}/notes": {"note": "it was the release"},
        "PATCH /v1/silences/{silence_id}": {"comment": "another"},
        "PATCH /v1/inhibition-rules/{inhibition_rule_id}": {"name": "another"},
        "PATCH /v1/alert-routes/{route_id}": {"position": 11},
        "PATCH /v1/alert-rules/{alert_rule_id}": {"enabled": False},
        "PATCH /v1/heartbeats/{heartbeat_id}": {"every": "PT2H"},
        "PATCH /v1/schedules/{schedule_id}": {"name": "another"},
        "POST /v1/schedules/{schedule_id}/overrides": OVERRIDE,
        "PATCH /v1/escalation-policies/{policy_id}": {"position": 11},
    },
    changes={
        "PATCH /v1/silences/{silence_id}": {"comment": "yet another"},
        "PATCH /v1/inhibition-rules/{inhibition_rule_id}": {"equal": ["kpi", "area"]},
        "PATCH /v1/alert-routes/{route_id}": {"group_by": ["area"]},
        "PATCH /v1/alert-rules/{alert_rule_id}": {"labels": {"team": "growth"}},
        "PATCH /v1/heartbeats/{heartbeat_id}": {"grace": "PT10M"},
        "PATCH /v1/schedules/{schedule_id}": {"time_zone": "Europe/Berlin"},
        "PATCH /v1/escalation-policies/{policy_id}": {"repeats": 2},
    },
    worded={
        "POST /v1/alerts/{alert_id}/acknowledge": {"note": SAID},
        "POST /v1/alerts/{alert_id}/unacknowledge": {"note": SAID},
        "POST /v1/alerts/{alert_id}/resolve": {"note": SAID},
        "POST /v1/alerts/{alert_id}/assign": {"assignee": SAID},
        "POST /v1/alerts/{alert_id}/notes": {"note": SAID},
        "POST /v1/silences": SILENCE | {"comment": SAID, "matchers": WORDED_MATCHERS},
        "PATCH /v1/silences/{silence_id}": {"comment": SAID, "matchers": WORDED_MATCHERS},
        "POST /v1/silences/preview": {"matchers": WORDED_MATCHERS},
        "POST /v1/inhibition-rules": INHIBITION | {"name": SAID, "source": WORDED_MATCHERS, "target": WORDED_MATCHERS},
        "PATCH /v1/inhibition-rules/{inhibition_rule_id}": {"name": SAID, "source": WORDED_MATCHERS},
        "POST /v1/alert-routes": {"name": SAID, "matchers": WORDED_MATCHERS},
        "PATCH /v1/alert-routes/{route_id}": {"name": SAID, "matchers": WORDED_MATCHERS},
        "POST /v1/alert-rules": RULE | {"name": SAID, "labels": {"team": SAID}, "annotations": {"summary": SAID}},
        "PATCH /v1/alert-rules/{alert_rule_id}": {"labels": {"team": SAID}, "annotations": {"summary": SAID}},
        "POST /v1/heartbeats": HEARTBEAT | {"name": SAID},
        "PATCH /v1/heartbeats/{heartbeat_id}": {"labels": {"team": SAID}},
        "POST /v1/schedules": SCHEDULE | {"name": SAID},
        "PATCH /v1/schedules/{schedule_id}": {"name": SAID},
        "POST /v1/schedules/{schedule_id}/overrides": OVERRIDE | {"user_id": SAID},
        "POST /v1/escalation-policies": POLICY | {"name": SAID, "matchers": WORDED_MATCHERS},
        "PATCH /v1/escalation-policies/{policy_id}": {"name": SAID, "matchers": WORDED_MATCHERS},
    },
    without_words=frozenset({"POST /api/v2/alerts"}),
)
