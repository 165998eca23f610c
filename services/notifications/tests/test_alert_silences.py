"""Silences and inhibition rules through their doors, and what they keep from receivers."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_notifications.alert_silences.rules import Quiet, SilenceState, held, state_of
from opsloop_notifications.labels.rules import Matcher, MatchOp
from services.notifications.tests.watching import Watch, lasting, later, over

ZERO = datetime(2026, 11, 22, tzinfo=UTC)


def silences_of(labels, silences):
    """Return the ids of the silences that hold for an alert."""
    return [silence.id for silence in silences if held(silence, {"a": labels})]


PAYMENTS = [{"name": "area", "op": "=~", "value": "pay.*"}]


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    return made


async def silenced(watch, **fields):
    body = {"matchers": PAYMENTS, "ends_at": later(watch, hours=1), "comment": "a release"} | fields
    return await watch.call("POST", "/v1/silences", 201, **body)


@pytest.mark.parametrize(
    ("second", "state"), [(-1, "pending"), (0, "active"), (9, "active"), (10, "expired"), (11, "expired")]
)
def test_when_a_silence_holds(second, state):
    ends = ZERO + timedelta(seconds=10)
    assert state_of(ZERO, ends, ZERO + timedelta(seconds=second)) is SilenceState(state)


def test_which_silences_hold_for_an_alert():
    payments = Quiet("1", (Matcher("area", MatchOp.FITS, "pay.*"), Matcher("severity", MatchOp.IS_NOT, "critical")))
    nothing = Quiet("2", (Matcher("area", MatchOp.IS, ""), Matcher("x", MatchOp.IS, "y")))

    assert silences_of({"area": "payments"}, [payments, nothing]) == ["1"]
    assert silences_of({"area": "payments", "severity": "critical"}, [payments, nothing]) == []
    assert silences_of({"x": "y"}, [payments, nothing]) == ["2"]


async def test_a_silence_is_kept_and_shown(watch):
    made = await silenced(watch)
    path = f"/v1/silences/{made['id']}"

    assert (made["state"], made["comment"], made["matchers"]) == ("active", "a release", PAYMENTS)
    assert made["created_by"].startswith("key:")
    assert await watch.call("GET", path) == made
    longer = await watch.call(
        "PATCH", path, ends_at=later(watch, hours=2), matchers=[{"name": "area", "value": "payments"}]
    )
    assert longer["matchers"] == [{"name": "area", "op": "=", "value": "payments"}]
    for _ in range(2):
        assert (await watch.call("POST", f"{path}/expire"))["state"] == "expired"
    answer = await watch.service.client.patch(path, json={"comment": "again"}, headers=watch.key)
    assert answer.status_code == 409
    await watch.call("DELETE", path, 204)
    assert (await watch.service.client.get(path, headers=watch.key)).status_code == 404


async def test_silences_are_listed_by_their_state(watch):
    now = await silenced(watch)
    next_one = await silenced(watch, starts_at=later(watch, minutes=30))

    async def listed(**query):
        answer = await watch.service.client.get("/v1/silences", params=query, headers=watch.key)
        return [one["id"] for one in answer.json()["items"]]

    assert await listed() == [next_one["id"], now["id"]]
    assert (await listed(state="pending"), await listed(state="active")) == ([next_one["id"]], [now["id"]])
    watch.service.clock.advance(3600)
    assert await listed(state="expired") == [next_one["id"], now["id"]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"matchers": []}, "/matchers"),
        ({"matchers": [{"name": "a", "op": "!=", "value": "x"}]}, "/matchers"),
        ({"matchers": [{"name": "a", "op": "=~", "value": ".*"}]}, "/matchers"),
        ({"matchers": [{"name": "a", "op": "=~", "value": "["}]}, "/matchers/0"),
        ({"matchers": [{"name": "a b", "value": "x"}]}, "/matchers/0/name"),
        ({"ends_at": "2026-11-22T00:00:00Z"}, "/ends_at"),
        ({"ends_at": "2029-11-22T00:00:00Z"}, "/ends_at"),
        ({"starts_at": "2026-12-22T00:00:00Z", "ends_at": "2026-12-21T00:00:00Z"}, "/ends_at"),
        ({"comment": " "}, "/comment"),
    ],
)
async def test_a_silence_that_is_none(watch, body, pointer):
    sent = {"matchers": PAYMENTS, "ends_at": "2026-12-22T00:00:00Z", "comment": "c"} | body
    answer = await watch.service.client.post("/v1/silences", json=sent, headers=watch.key)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )


async def test_what_is_silenced_is_told_when_the_silence_ends(watch):
    made = await silenced(watch)
    await watch.post(lasting(watch, "a", area="payments"), lasting(watch, "a", area="search"))
    await watch.pass_by(30)
    assert await watch.said() == [("first notification", ["+a"])]
    await watch.call("DELETE", f"/v1/silences/{made['id']}", 204)
    await watch.pass_by(300)

    assert (await watch.said())[1:] == [("new alerts in group", ["+a", "+a"])]


async def test_a_preview_says_what_a_silence_would_hold_for(watch):
    await watch.post(
        lasting(watch, "a", area="payments"), lasting(watch, "b", area="pay"), lasting(watch, "c", area="search")
    )
    await watch.post(over(watch, "b", area="pay"))

    found = await watch.call("POST", "/v1/silences/preview", matchers=PAYMENTS)

    assert (found["count"], [alert["name"] for alert in found["alerts"]]) == (1, ["a"])
    assert (await watch.call("POST", "/v1/silences/preview", matchers=[{"name": "x", "value": "y"}]))["alerts"] == []
    everything = {"matchers": [{"name": "x", "op": "=~", "value": ".*"}]}
    answer = await watch.service.client.post("/v1/silences/preview", json=everything, headers=watch.key)
    assert answer.status_code == 422


SEVERE = {"source": [{"name": "severity", "value": "critical"}], "target": [{"name": "severity", "value": "warning"}]}


async def test_what_is_inhibited_is_told_when_its_source_ends(watch):
    rule = await watch.call("POST", "/v1/inhibition-rules", 201, name="worse first", equal=["kpi"], **SEVERE)
    await watch.post(
        lasting(watch, "a", severity="critical", kpi="x"),
        lasting(watch, "b", severity="warning", kpi="x"),
        lasting(watch, "c", severity="warning", kpi="y"),
    )
    await watch.pass_by(30)
    assert sorted(names for _, names in await watch.said()) == [["+a"], ["+c"]]
    await watch.post(over(watch, "a", severity="critical", kpi="x"))
    await watch.pass_by(300)
    assert sorted(names for _, names in (await watch.said())[2:]) == [["+b"], ["-a"]]
    await watch.call("PATCH", f"/v1/inhibition-rules/{rule['id']}", equal=["kpi", "area"])
    await watch.call("DELETE", f"/v1/inhibition-rules/{rule['id']}", 204)
    answer = await watch.service.client.get(f"/v1/inhibition-rules/{rule['id']}", headers=watch.key)
    assert answer.status_code == 404


async def test_an_inhibition_rule_that_is_none(watch):
    for side in ("source", "target"):
        body = {"name": "r"} | SEVERE | {side: [{"name": "a", "op": "!=", "value": "x"}]}
        answer = await watch.service.client.post("/v1/inhibition-rules", json=body, headers=watch.key)
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{side}"]


@pytest.mark.parametrize(
    ("path", "bound", "body"),
    [
        (
            "/v1/silences",
            "SILENCES_PER_WORKSPACE",
            {"matchers": PAYMENTS, "ends_at": "2026-12-22T00:00:00Z", "comment": "c"},
        ),
        ("/v1/inhibition-rules", "INHIBITION_RULES_PER_WORKSPACE", {"name": "r"} | SEVERE),
        ("/v1/alert-routes", "ALERT_ROUTES_PER_WORKSPACE", {"name": "r"}),
        ("/v1/alert-rules", "ALERT_RULES_PER_WORKSPACE", {"name": "r", "event_types": ["kpi.*"]}),
    ],
)
async def test_how_many_there_may_be(watch, monkeypatch, path, bound, body):
    monkeypatch.setattr(f"opsloop_common.limits.{bound}", 1)
    for number, status in enumerate((201, 409)):
        named = body | ({"name": f"r{number}"} if "name" in body else {})
        answer = await watch.service.client.post(path, json=named, headers=watch.key)
        assert answer.status_code == status, answer.text
    assert answer.json()["type"].endswith("too_many")
