"""The door of escalation policies: what is refused, versions, other workspaces, bounds."""

from uuid import uuid4

import pytest

from opsloop_common.testing.due import run_due
from services.notifications.tests.watching import DUE, Watch, lasting

STEPS = [
    {"after": "PT0S", "targets": [{"kind": "user", "id": "ann"}]},
    {"after": "PT5M", "targets": [{"kind": "user", "id": "ben"}]},
]
POLICY = {"name": "severe", "steps": STEPS}


@pytest.fixture
async def watch(service):
    return Watch(service, await service.key(), None)


async def answers(watch, id, headers):
    found = []
    for method, body in (("GET", None), ("PATCH", {"position": 7}), ("DELETE", None)):
        answer = await watch.service.client.request(method, f"/v1/escalation-policies/{id}", json=body, headers=headers)
        found.append(answer.status_code)
    return found


async def test_a_policy_is_kept_with_what_goes_without_saying(watch):
    made = await watch.call("POST", "/v1/escalation-policies", 201, **POLICY)
    path = f"/v1/escalation-policies/{made['id']}"

    given = {name: made[name] for name in made.keys() - {"id", "created_at", "updated_at"}}
    assert given == POLICY | {"position": 100, "matchers": [], "repeats": 0, "reopens_after": None}
    changes = {
        "name": "worse",
        "position": 1,
        "matchers": [{"name": "severity", "op": "=", "value": "critical"}],
        "steps": STEPS[1:],
        "repeats": 5,
        "reopens_after": "PT1H",
    }
    changed = await watch.call("PATCH", path, **changes)
    assert {name: changed[name] for name in changes} == changes
    assert (await watch.call("PATCH", path, reopens_after=None))["reopens_after"] is None
    await watch.call("DELETE", path, 204)
    assert await answers(watch, made["id"], watch.key) == [404] * 3


async def test_what_is_not_there_or_of_another_workspace(watch):
    made = await watch.call("POST", "/v1/escalation-policies", 201, **POLICY)
    other = await watch.service.key(workspace="other")
    reader = await watch.service.key("notifications:read")

    assert await answers(watch, made["id"], other) == [404] * 3
    assert await answers(watch, uuid4(), watch.key) == [404] * 3
    assert await answers(watch, made["id"], {}) == [401] * 3
    assert await answers(watch, made["id"], reader) == [200, 403, 403]
    await watch.call("PATCH", f"/v1/escalation-policies/{made['id']}", position=3)
    assert await answers(watch, made["id"], watch.key | {"If-Match": '"1"'}) == [200, 412, 412]
    assert (await watch.service.client.get("/v1/escalation-policies", headers=other)).json()["items"] == []


def one_step(**fields):
    return {"steps": [STEPS[0] | fields]}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"steps": []}, "/steps"),
        ({"steps": STEPS * 6}, "/steps"),
        ({"repeats": 6}, "/repeats"),
        ({"repeats": -1}, "/repeats"),
        ({"reopens_after": "PT30S"}, "/reopens_after"),
        ({"position": 10_001}, "/position"),
        (one_step(after="P8D"), "/steps/0/after"),
        (one_step(after=5), "/steps/0/after"),
        (one_step(targets=[]), "/steps/0/targets"),
        (one_step(targets=STEPS[0]["targets"] * 11), "/steps/0/targets"),
        (one_step(targets=[{"kind": "team", "id": "x"}]), "/steps/0/targets/0/kind"),
        (one_step(targets=[{"kind": "user", "id": ""}]), "/steps/0/targets/0/id"),
        (one_step(targets=[{"kind": "schedule", "id": "x"}]), "/steps/0/targets/0/id"),
        (one_step(targets=[{"kind": "schedule", "id": str(uuid4())}]), "/steps/0/targets/0/id"),
        (one_step(targets=[{"kind": "webhook", "id": str(uuid4())}]), "/steps/0/targets/0/id"),
        ({"matchers": [{"name": "a", "op": "=~", "value": "("}]}, "/matchers/0"),
    ],
)
async def test_a_policy_that_is_none(watch, body, pointer):
    made = await watch.call("POST", "/v1/escalation-policies", 201, **POLICY)
    path = f"/v1/escalation-policies/{made['id']}"
    for method, where, sent in (("POST", "/v1/escalation-policies", POLICY | body), ("PATCH", path, body)):
        answer = await watch.service.client.request(method, where, json=sent, headers=watch.key)
        found = [error["pointer"] for error in answer.json()["errors"]]
        assert (answer.status_code, found) == (422, [pointer]), answer.text


async def test_targets_are_of_this_workspace_and_webhooks_of_alerts(watch, hook):
    other = Watch(watch.service, await watch.service.key(workspace="other"), None)
    theirs = await other.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    plain = await watch.call("POST", "/v1/webhooks", 201, url=hook.url)

    async def fault(target):
        body = POLICY | one_step(targets=[target])
        answer = await watch.service.client.post("/v1/escalation-policies", json=body, headers=watch.key)
        return answer.json()["errors"][0]["detail"]

    assert await fault({"kind": "webhook", "id": theirs["id"]}) == "is no webhook of this workspace"
    assert await fault({"kind": "webhook", "id": plain["id"]}) == "must be a webhook that is about alerts"


async def test_how_many_there_may_be(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.ESCALATION_POLICIES_PER_WORKSPACE", 1)
    await watch.call("POST", "/v1/escalation-policies", 201, **POLICY)
    answer = await watch.service.client.post("/v1/escalation-policies", json=POLICY, headers=watch.key)

    assert (answer.status_code, answer.json()["type"].endswith("too_many")) == (409, True)


async def test_policies_are_listed_as_they_are_asked(watch):
    for place in (5, 1, 3):
        await watch.call("POST", "/v1/escalation-policies", 201, **POLICY, position=place)

    listed = (await watch.call("GET", "/v1/escalation-policies"))["items"]
    assert [one["position"] for one in listed] == [1, 3, 5]


async def test_another_workspaces_policy_takes_nothing_anywhere(watch):
    other = Watch(watch.service, await watch.service.key(workspace="other"), None)
    await other.call("POST", "/v1/escalation-policies", 201, **POLICY)
    await watch.post(lasting(watch, "a"))
    await run_due(watch.service.db, DUE)

    [alert] = await watch.listed()
    assert [entry["kind"] for entry in (await watch.call("GET", f"/v1/alerts/{alert['id']}"))["log"]] == ["fired"]


async def test_the_audit_log_does_not_say_whom(watch):
    secret = [{"after": "PT0S", "targets": [{"kind": "user", "id": "secret.person"}]}]
    made = await watch.call("POST", "/v1/escalation-policies", 201, **(POLICY | {"steps": secret}))
    await watch.call("PATCH", f"/v1/escalation-policies/{made['id']}", repeats=2)
    admin = await watch.service.key("notifications:admin")
    log = (await watch.service.client.get("/v1/audit", headers=admin)).text

    assert "escalation_policy.updated" in log
    assert "secret" not in log
