"""KPIs and values through the door, and every route of theirs and what hangs on them for others."""

from datetime import timedelta
from uuid import uuid4

import pytest

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
REPORTED = {"type": "reported"}
HIGH = {"type": "threshold", "operator": "ge", "value": 10}


def pointers(answer):
    return [error["pointer"] for error in answer.json().get("errors", [])]


async def test_a_kpi_is_made_read_listed_changed_and_deleted(world):
    wanted = {
        "key": "severe_share",
        "name": "Share of severe feedback",
        "owner": "operations",
        "unit": "ratio",
        "direction": "down",
        "target": 0.1,
        "measure": COUNT
        | {"aggregate": "share", "where": [{"field": "data.severity", "op": "in", "value": ["s1", "s2"]}]},
    }
    made = await world.send("POST", "/v1/kpis", json=wanted)
    assert made.status_code == 201
    assert made.headers["location"] == "kpis/severe_share"
    assert {name: made.json()[name] for name in wanted} == wanted

    read = await world.send("GET", "/v1/kpis/severe_share")
    assert (read.json(), read.headers["etag"]) == (made.json(), made.headers["etag"])
    assert (await world.get("/v1/kpis"))["items"] == [made.json()]
    assert (await world.get("/v1/kpis", owner="somebody else"))["items"] == []
    assert (await world.get("/v1/kpis", owner="opera\u200btions"))["items"] == [made.json()]

    changed = await world.send("PATCH", "/v1/kpis/severe_share", json={"target": None, "name": "Severe"})
    assert (changed.status_code, changed.json()["target"], changed.json()["name"]) == (200, None, "Severe")
    assert changed.json()["owner"] == "operations"
    stale = {"If-Match": made.headers["etag"]} | world.headers
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        assert (await world.send(method, "/v1/kpis/severe_share", json=body, headers=stale)).status_code == 412

    fresh = {"If-Match": changed.headers["etag"]} | world.headers
    assert (await world.send("DELETE", "/v1/kpis/severe_share", headers=fresh)).status_code == 204
    assert (await world.send("GET", "/v1/kpis/severe_share")).status_code == 404


async def test_a_taken_key_answers_409_and_another_workspace_may_have_it(world):
    await world.kpi()
    again = await world.send("POST", "/v1/kpis", json={"key": "k", "name": "B", "measure": REPORTED})
    assert again.status_code == 409
    elsewhere = await world.api.key("metrics:write", workspace="other")
    made = await world.send("POST", "/v1/kpis", json={"key": "k", "name": "B", "measure": REPORTED}, headers=elsewhere)
    assert made.status_code == 201


KPI = {"key": "a", "name": "A", "measure": REPORTED}
WHERE = {"field": "data.severity", "op": "in", "value": ["s1"]}


SENSELESS = [
    ({"key": "A b"}, "/key"),
    ({"direction": "sideways"}, "/direction"),
    ({"target": "high"}, "/target"),
    ({"surprise": 1}, "/surprise"),
    ({"measure": COUNT | {"aggregate": "p99", "property": "data.rating"}}, "/measure/aggregate"),
    ({"measure": {"type": "insight", "insight_id": str(uuid4())}}, "/measure/insight_id"),
    ({"unit": "\u202e%"}, "/unit"),
    ({"measure": COUNT | {"aggregate": "avg"}}, "/measure/property"),
    ({"measure": COUNT | {"aggregate": "share"}}, "/measure/where"),
    ({"measure": COUNT | {"where": [WHERE | {"value": "s1"}]}}, "/measure/where/0/value"),
    ({"measure": COUNT | {"where": [WHERE, WHERE | {"value": {"a": 1}}]}}, "/measure/where/1/value"),
    ({"measure": COUNT | {"where": [WHERE | {"field": "severity"}]}}, "/measure/where/0/field"),
    ({"measure": COUNT | {"where": [WHERE | {"field": "time"}]}}, "/measure/where/0/field"),
    ({"measure": COUNT | {"where": [WHERE | {"op": "like"}]}}, "/measure/where/0/op"),
    ({"measure": COUNT | {"where": [{"op": "exists"}]}}, "/measure/where/0/field"),
    (
        {"measure": {"type": "ratio", "numerator": COUNT, "denominator": COUNT | {"where": [WHERE | {"x": 1}]}}},
        "/measure/denominator/where/0/x",
    ),
    ({"measure": {"type": "ratio", "numerator": COUNT, "denominator": REPORTED}}, "/measure/denominator/type"),
    (
        {"measure": {"type": "ratio", "numerator": COUNT | {"aggregate": "p95"}, "denominator": COUNT}},
        "/measure/numerator/property",
    ),
    ({"measure": COUNT | {"event": "feedback.recieved"}}, "/measure/event"),
    ({"measure": COUNT | {"event": "message.requested"}}, "/measure/event"),
    ({"measure": COUNT | {"event": "workspace.change_requested"}}, "/measure/event"),
    ({"measure": COUNT | {"where": [WHERE | {"field": "link"}]}}, "/measure/where/0/field"),
    ({"measure": COUNT | {"where": [{"field": "data.severty", "op": "exists"}]}}, "/measure/where/0/field"),
    ({"measure": COUNT | {"where": [WHERE | {"value": ["s11"]}]}}, "/measure/where/0/value"),
    ({"measure": COUNT | {"where": [WHERE | {"op": "eq", "value": "S1"}]}}, "/measure/where/0/value"),
    ({"measure": COUNT | {"aggregate": "avg", "property": "data.area"}}, "/measure/property"),
    ({"measure": COUNT | {"aggregate": "sum", "property": "data.author.verified"}}, "/measure/property"),
    ({"measure": COUNT | {"where": [{"field": "subjet", "op": "exists"}]}}, "/measure/where/0/field"),
    ({"measure": COUNT | {"aggregate": "avg", "property": "data.ratings"}}, "/measure/property"),
    (
        {
            "measure": {
                "type": "ratio",
                "numerator": COUNT,
                "denominator": COUNT | {"where": [{"field": "data.author.userid", "op": "exists"}]},
            }
        },
        "/measure/denominator/where/0/field",
    ),
]


async def test_a_kpi_that_makes_no_sense_is_refused(world, subtests):
    for body, pointer in SENSELESS:
        with subtests.test(body=body):
            answer = await world.send("POST", "/v1/kpis", json=KPI | body)
            assert answer.status_code == 422, answer.text
            assert pointers(answer) == [pointer]


@pytest.mark.parametrize(
    "measure",
    [
        {"type": "sorcery"},
        COUNT | {"event": "'; DROP TABLE kpi; --"},
        {
            "type": "ratio",
            "numerator": {"type": "ratio", "numerator": COUNT, "denominator": COUNT},
            "denominator": COUNT,
        },
    ],
)
async def test_a_malformed_measure_is_refused(world, measure):
    assert (await world.send("POST", "/v1/kpis", json=KPI | {"measure": measure})).status_code == 422


async def test_values_default_to_now_and_may_not_be_far_ahead(world):
    await world.kpi(target=5)
    first = await world.send("POST", "/v1/kpis/k/values", json={"value": 0.4})
    assert (first.status_code, first.json()["value"]) == (201, 0.4)
    assert first.json()["at"] == world.now.isoformat().replace("+00:00", "Z")

    def ahead(minutes):
        return {"value": 1, "at": (world.now + timedelta(minutes=minutes)).isoformat()}

    refused = await world.send("POST", "/v1/kpis/k/values", json=ahead(6))
    assert (refused.status_code, pointers(refused)) == (422, ["/at"])
    assert (await world.send("POST", "/v1/kpis/k/values", json=ahead(4))).status_code == 201
    assert (await world.status())["value"] == 0.4, "a value counts from its time"
    for body in ({}, {"value": "1"}, {"value": True}, {"value": None}, {"value": 1, "at": "now"}):
        assert (await world.send("POST", "/v1/kpis/k/values", json=body)).status_code == 422


async def test_reporting_the_same_moment_again_corrects_it(world):
    await world.kpi()
    at = world.now.isoformat()
    first = await world.post("/v1/kpis/k/values", {"value": 1, "at": at})
    second = await world.post("/v1/kpis/k/values", {"value": 2, "at": at})
    assert first["id"] == second["id"]
    assert [item["value"] for item in (await world.get("/v1/kpis/k/values"))["items"]] == [2]


async def test_a_measured_kpi_takes_no_values(world):
    await world.kpi(COUNT)
    assert (await world.send("POST", "/v1/kpis/k/values", json={"value": 1})).status_code == 409


async def test_values_are_listed_latest_first_page_by_page(world):
    await world.kpi()
    start = world.now
    for minutes in (3, 1, 2):
        await world.report(minutes, start - timedelta(minutes=minutes))
    page = await world.get("/v1/kpis/k/values", limit=2)
    assert [item["value"] for item in page["items"]] == [1, 2]
    rest = await world.get("/v1/kpis/k/values", limit=2, cursor=page["next_cursor"])
    assert ([item["value"] for item in rest["items"]], rest["next_cursor"]) == ([3], None)
    since = {"from": (start - timedelta(minutes=2)).isoformat()}
    assert [item["value"] for item in (await world.get("/v1/kpis/k/values", **since))["items"]] == [1, 2]


async def breached(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await world.report(11)
    await world.settle(2)
    assert await world.state() == "breached"
    return f"/v1/kpis/k/monitors/{monitor['id']}"


PATHS = [
    ("GET", "/v1/kpis/k"),
    ("PATCH", "/v1/kpis/k"),
    ("DELETE", "/v1/kpis/k"),
    ("GET", "/v1/kpis/k/values"),
    ("POST", "/v1/kpis/k/values"),
    ("GET", "/v1/kpis/k/status"),
    ("GET", "/v1/kpis/k/monitors"),
    ("POST", "/v1/kpis/k/monitors"),
    ("GET", "/v1/kpis/k/monitors/{id}"),
    ("PATCH", "/v1/kpis/k/monitors/{id}"),
    ("DELETE", "/v1/kpis/k/monitors/{id}"),
    ("GET", "/v1/kpis/k/monitors/{id}/evaluations"),
    ("GET", "/v1/kpis/k/series?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&interval=PT1H"),
    ("GET", "/v1/breaches/{incident}"),
]
BODIES = {
    ("PATCH", "/v1/kpis/k"): {"name": "x"},
    ("POST", "/v1/kpis/k/values"): {"value": 1},
    ("POST", "/v1/kpis/k/monitors"): {"condition": HIGH},
    ("PATCH", "/v1/kpis/k/monitors/{id}"): {"enabled": False},
}


async def test_another_workspace_sees_and_changes_nothing(world):
    path = await breached(world)
    (breach,) = (await world.get("/v1/breaches"))["items"]
    theirs = await world.api.key(workspace="other")
    for method, template in PATHS:
        place = template.format(id=path.rpartition("/")[2], incident=breach["incident_id"])
        answer = await world.send(method, place, json=BODIES.get((method, template)), headers=theirs)
        assert answer.status_code == 404, (method, template, answer.text)
    for place in ("/v1/kpis", "/v1/breaches"):
        assert (await world.send("GET", place, headers=theirs)).json()["items"] == []
    assert await world.state() == "breached"


async def test_scopes(world):
    await world.kpi()
    reader = await world.api.key("metrics:read")
    for method, template in PATHS:
        place = template.format(id=uuid4(), incident=uuid4())
        body = BODIES.get((method, template))
        assert (await world.send(method, place, json=body, headers={})).status_code == 401
        read = await world.send(method, place, json=body, headers=reader)
        assert (read.status_code == 403) is (method != "GET"), (method, template)


@pytest.mark.parametrize("path", ["/v1/kpis/k/monitors/nothing", "/v1/breaches/1", "/v1/kpis/none/status"])
async def test_ids_that_name_nothing_answer_404(world, path):
    await world.kpi()
    assert (await world.send("GET", path)).status_code == 404


async def test_the_same_idempotency_key_adds_one_monitor(world):
    await world.kpi()
    headers = world.headers | {"Idempotency-Key": "once"}
    first = await world.send("POST", "/v1/kpis/k/monitors", json={"condition": HIGH}, headers=headers)
    again = await world.send("POST", "/v1/kpis/k/monitors", json={"condition": HIGH}, headers=headers)
    assert first.json() == again.json()
    assert len((await world.get("/v1/kpis/k/monitors"))["items"]) == 1


async def test_a_target_that_is_reached_is_told_with_name_and_unit(world):
    await world.kpi(key="paid", name="付费率", unit="%", target=10)
    await world.report(11, key="paid")
    await world.settle(2)

    (reached,) = await world.told("kpi.target_reached")
    assert (reached.data["kpi"], reached.data["kpi_name"], reached.data["unit"]) == ("paid", "付费率", "%")


UNKNOWN = [
    ({"measure": {"typ": "events"}}, "/measure/typ", "This field is not known here; did you mean type?"),
    ({"measure": {"event": "feedback.received"}}, "/measure/type", "This field is required"),
    (
        {"measure": {"type": "event"}},
        "/measure/type",
        "must be one of reported, events, ratio, insight, formula; did you mean events?",
    ),
    (
        {"measure": {"type": "Ratio"}},
        "/measure/type",
        "must be one of reported, events, ratio, insight, formula; did you mean ratio?",
    ),
    (
        {"measure": {"type": "ratio", "numerator": {"typ": "events"}, "denominator": COUNT}},
        "/measure/numerator/typ",
        "This field is not known here; did you mean type?",
    ),
    (
        {"measure": {"type": "ratio", "numerator": COUNT, "denominator": {"type": "event"}}},
        "/measure/denominator/type",
        "must be one of events, reported; did you mean events?",
    ),
    (
        {"measure": COUNT | {"aggregate": "average"}},
        "/measure/aggregate",
        "must be one of count, users, share, sum, avg, median, p95; did you mean avg?",
    ),
    (
        {"measure": COUNT | {"where": [WHERE | {"op": "equals"}]}},
        "/measure/where/0/op",
        "must be one of eq, ne, lt, le, gt, ge, in, not_in, contains, exists; did you mean eq?",
    ),
    ({"direction": "UP"}, "/direction", "must be one of up, down; did you mean up?"),
    *[
        ({"measure": COUNT | {"event": event}}, "/measure/event", f"{told} is no event type; did you mean {near}?")
        for event, told, near in (
            ("Feedback.Received", "Feedback.Received", "feedback.received"),
            ("feedback.received\u200b", "feedback.received<U+200B>", "feedback.received"),
            ("feedback.received ", "feedback.received ", "feedback.received"),
            ("KPI.breached", "KPI.breached", "kpi.breached"),
        )
    ],
    *[
        (
            {"key": key},
            "/key",
            "must be lower-case letters, digits, _ . and -, up to 63, and begin with a letter or digit" + near,
        )
        for key, near in (
            ("Severe Share", "; did you mean severe_share?"),
            ("NPS\u200b", "; did you mean nps?"),
            ("支付", ""),
            ("a" * 64, ""),
        )
    ],
    (
        {"measure": COUNT | {"aggregate": "avg", "property": "rating"}},
        "/measure/property",
        "must be a dotted path below the data of an event, such as data.rating; did you mean data.rating?",
    ),
    ({"unit": "k\u200bg"}, "/unit", "must not contain what nobody sees: k<U+200B>g"),
]


async def test_what_is_not_known_is_told_in_words_with_the_nearest(world, subtests):
    for body, pointer, detail in UNKNOWN:
        with subtests.test(body=body):
            answer = await world.send("POST", "/v1/kpis", json=KPI | body)

            assert answer.status_code == 422
            assert answer.json()["errors"] == [{"pointer": pointer, "detail": detail}]
