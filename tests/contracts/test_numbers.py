"""Whatever number the API stores, it can read, list, change, audit, tell and delete; a new field that takes one must be added here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

import pytest

from opsloop.services import MEMBERS
from opsloop_common.contracts.envelope import Event
from opsloop_common.documents import read_document, write_document
from opsloop_common.testing.http import Api
from tests.contracts.worlds.campaigns import PLAYBOOK
from tests.contracts.worlds.metrics import MONITOR, REPORTED

NUMBERS = [
    1e30, -1e300, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 2.0**63, 2.0**64, 9.5e18, 1e16, 1e22, 0.1,
    -0.0, 1.2345678901234568e18, 2**63 - 1, -(2**63),
]  # fmt: skip
SELECTION = {
    "type": "events",
    "event": "feedback.received",
    "aggregate": "count",
    "where": [
        {"field": "data.rating", "op": "ge", "value": 0},
        {"field": "data.rating", "op": "in", "value": [0, "x", 0]},
    ],
}
RATIO = {"type": "ratio", "numerator": SELECTION, "denominator": SELECTION}
WHEN = SELECTION["where"]
RATED = [{"field": "data.rating", "op": "ge", "value": 0}]
ON_A_POST = PLAYBOOK | {"on": "feedback.received"}
ATTRIBUTES = {"a": 0, "b": [0, {"c": 0}]}
CREATED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "feedback": [
        ("/v1/feedback", {"body": "支付失败", "attributes": ATTRIBUTES}),
        ("/v1/triage-rules", {"name": "Few stars", "when": RATED, "set": {"severity": "s2"}}),
    ],
    "metrics": [
        ("/v1/kpis", REPORTED | {"target": 0}),
        ("/v1/kpis", REPORTED | {"measure": SELECTION}),
        ("/v1/kpis", REPORTED | {"measure": RATIO}),
        ("/v1/kpis", REPORTED | {"targets": [{"from": "2026-11-01", "to": "2026-11-30", "value": 0}]}),
    ],
    "campaigns": [("/v1/playbooks", ON_A_POST | {"when": WHEN})],
    "notifications": [
        ("/v1/webhooks", {"url": "https://example.com/", "filter": WHEN}),
        ("/v1/webhooks", {"url": "https://example.com/", "filter": [{"any": [{"all": WHEN}, *WHEN]}]}),
        ("/v1/alert-rules", {"name": "Slow", "event_types": ["*"], "when": [{"any": [{"all": WHEN}, *WHEN]}]}),
    ],
}
"""Bodies of what is created; each 0 in them stands for the number."""
OTHERS = {
    "/v1/feedback": {"title": "another"},
    "/v1/webhooks": {"description": "x"},
    "/v1/alert-rules": {"enabled": False},
    "/v1/triage-rules": {"enabled": False},
}
"""What may change beside it, where that is not the name."""
IN_A_DEFINITION = {
    f"/definition{'/conditions' * level}{where}/value" for level in (1, 2, 3) for where in ("", "/where")
}
GROUPS = ("", "/all", "/any", "/all/all", "/all/any", "/any/all", "/any/any")
IN_A_FILTER, IN_A_RULE = ({f"/{name}{group}/value" for group in GROUPS} for name in ("filter", "when"))
TAKEN = {
    "POST /v1/feedback": {"/attributes"},
    "POST /v1/triage-rules": IN_A_RULE,
    "PATCH /v1/triage-rules/{triage_rule_id}": IN_A_RULE,
    "POST /v1/triage-rules/preview": {f"/rule{place}" for place in IN_A_RULE},
    "POST /v1/feedback:batch": {"/items/attributes"},
    "POST /v1/insights": {"/query"},
    "POST /v1/channels": {"/sms/body"},
    "PATCH /v1/channels/{channel_id}": {"/sms/body"},
    "POST /v1/segments": IN_A_DEFINITION,
    "PATCH /v1/segments/{segment_id}": IN_A_DEFINITION,
    "POST /v1/segments/preview": IN_A_DEFINITION,
    "PATCH /v1/insights/{insight_id}": {"/query"},
    "POST /v1/insights/active-users": {"/where/value"},
    "POST /v1/insights/funnel": {"/where/value", "/steps/where/value", "/exclusions/where/value"},
    "POST /v1/insights/funnel/persons": {"/query/where/value", "/query/steps/where/value", "/query/exclusions/where/value"},
    "POST /v1/insights/lifecycle/persons": {"/query/where/value"},
    "POST /v1/insights/paths/persons": {"/query/where/value", "/query/events/where/value"},
    "POST /v1/insights/retention/persons": {"/query/where/value", "/query/start/where/value", "/query/return/where/value"},
    "POST /v1/insights/stickiness/persons": {"/query/where/value"},
    "POST /v1/insights/sessions/persons": {"/query/where/value"},
    "POST /v1/insights/active-users/persons": {"/query/where/value"},
    "POST /v1/insights/trends/persons": {"/query/where/value", "/query/series/where/value"},
    "POST /v1/insights/retention": {"/where/value", "/start/where/value", "/return/where/value"},
    "POST /v1/insights/paths": {"/where/value", "/events/where/value"},
    "POST /v1/insights/attribution": {"/where/value", "/conversion/where/value"},
    "POST /v1/insights/breakdown": {"/where/value"},
    "POST /v1/insights/sessions": {"/where/value"},
    "POST /v1/insights/experience": {"/where/value"},
    "POST /v1/insights/revenue": {"/where/value", "/invite/where/value", "/joined/where/value", "/signup/where/value"},
    "POST /v1/insights/lifecycle": {"/where/value"},
    "POST /v1/insights/stickiness": {"/where/value"},
    "POST /v1/insights/usage": {"/where/value", "/features/where/value"},
    "POST /v1/insights/churn": {
        "/where/value", "/activity/where/value", "/left/where/value", "/answers/where/value",
    },
    "POST /v1/insights/next-best": {"/where/value", "/of/where/value"},
    "POST /v1/insights/trends": {"/where/value", "/series/where/value"},
    "POST /v1/kpis": {
        "/target", "/targets/value", "/measure/where/value", "/measure/numerator/where/value",
        "/measure/denominator/where/value",
    },
    "PATCH /v1/kpis/{key}": {
        "/target", "/targets/value", "/measure/where/value", "/measure/numerator/where/value",
        "/measure/denominator/where/value",
    },
    "POST /v1/kpis/{key}/values": {"/value"},
    "POST /v1/kpis/{key}/monitors": {"/condition/value"},
    "PATCH /v1/kpis/{key}/monitors/{monitor_id}": {"/condition/value"},
    "POST /v1/objectives/{objective_id}/key-results": {"/start", "/target"},
    "PATCH /v1/objectives/{objective_id}/key-results/{key_result_id}": {"/start", "/target"},
    "POST /v1/objectives/{objective_id}/key-results/{key_result_id}/check-ins": {"/value"},
    "POST /v1/competitors/{competitor_id}/series/{series_key}/points": {"/points/value"},
    "POST /v1/playbooks": {"/when/value"},
    "PATCH /v1/playbooks/{playbook_id}": {"/when/value"},
    "POST /v1/playbooks/{playbook_id}/test": {"/data"},
    "POST /v1/webhooks": IN_A_FILTER,
    "PATCH /v1/webhooks/{webhook_id}": IN_A_FILTER,
    "POST /v1/sla-policies": IN_A_RULE,
    "PATCH /v1/sla-policies/{sla_policy_id}": IN_A_RULE,
    "POST /v1/routing-rules": IN_A_RULE,
    "PATCH /v1/routing-rules/{routing_rule_id}": IN_A_RULE,
    "POST /v1/alert-rules": IN_A_RULE,
    "PATCH /v1/alert-rules/{alert_rule_id}": IN_A_RULE,
    "POST /v1/messages": {"/data"},
    "POST /v1/templates": {"/sample"},
    "PATCH /v1/templates/{key}": {"/sample"},
    "POST /v1/templates/{key}/preview": {"/data"},
    "POST /v1/templates/{key}/test": {"/data"},
}  # fmt: skip
"""Fields of each operation that take any number; integers and numbers with bounds are not among them."""


def filled(body: Any, number: float) -> Any:
    """Return a body with the number in place of each 0."""
    match body:
        case dict():
            return {name: filled(value, number) for name, value in body.items()}
        case list():
            return [filled(value, number) for value in body]
        case _:
            return number if body == 0 and not isinstance(body, bool) else body


def within(sent: Any, shown: Any) -> bool:
    """Say whether all that was sent is shown, numbers by their value."""
    match sent:
        case dict():
            return isinstance(shown, dict) and all(name in shown and within(v, shown[name]) for name, v in sent.items())
        case list():
            return isinstance(shown, list) and all(within(*pair) for pair in zip(sent, shown, strict=True))
        case float():
            return isinstance(shown, int | float) and float(shown) == sent
        case int() if isinstance(shown, float):  # a field of doubles
            return float(sent) == shown
        case _:
            return bool(sent == shown)


@pytest.fixture(params=sorted(CREATED))
async def service(request: pytest.FixtureRequest, api: Any) -> tuple[str, Api]:
    """Each service, one after the other."""
    return request.param, await api(next(each for each in MEMBERS if each.name == request.param))


async def ok(api: Api, method: str, path: str, **options: Any) -> Any:
    """Ask with all scopes; what is no success fails."""
    answer = await api.client.request(method, path, headers=await api.key(), **options)
    assert answer.is_success, (method, path, answer.status_code, answer.text, options)
    return answer


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
async def test_what_is_stored_can_be_read_changed_told_and_deleted(service: tuple[str, Api], number: float):
    name, api = service
    for path, template in CREATED[name]:
        body = filled(template, number)
        created = await ok(api, "POST", path, json=body)
        location = urljoin(path, created.headers["location"])

        shown = (await ok(api, "GET", location)).json()
        assert within(body, shown), (body, shown)
        listed = (await ok(api, "GET", path)).json()["items"]
        assert any(within(body, item) for item in listed)
        # what was shown may be sent back, and something else may change beside it
        kept = {key: shown[key] for key in ("measure", "target", "targets", "when", "filter") if key in shown}
        await ok(api, "PATCH", location, json=kept | OTHERS.get(path, {"name": "x"}))
        assert within(body, (await ok(api, "GET", location)).json() | {k: body[k] for k in ("name",) if k in body})
        if name != "feedback":
            await ok(api, "DELETE", location)
        await ok(api, "GET", "/v1/audit")
        for event in await api.events():
            assert Event.from_bytes(event.to_bytes()) == event


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
async def test_a_reported_value_and_a_threshold(api: Any, number: float):
    metrics = await api(next(each for each in MEMBERS if each.name == "metrics"))
    await ok(metrics, "POST", "/v1/kpis", json=REPORTED | {"target": number})
    condition = MONITOR["condition"] | {"value": number}  # type: ignore[operator]
    monitor = (await ok(metrics, "POST", "/v1/kpis/csat/monitors", json=MONITOR | {"condition": condition})).json()

    value = (await ok(metrics, "POST", "/v1/kpis/csat/values", json={"value": number})).json()

    assert (value["value"], monitor["condition"]["value"]) == (float(number), float(number))
    assert (await ok(metrics, "GET", "/v1/kpis/csat/status")).json()["value"] == float(number)
    where = f"/v1/kpis/csat/monitors/{monitor['id']}"
    assert (await ok(metrics, "PATCH", where, json={"condition": condition})).json()["condition"]["value"] == float(
        number
    )
    await ok(metrics, "DELETE", where)
    await ok(metrics, "DELETE", "/v1/kpis/csat")
    await ok(metrics, "GET", "/v1/audit")


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
async def test_rows_of_a_batch_and_the_data_of_a_rehearsal(api: Any, number: float):
    feedback, campaigns = [
        await api(next(each for each in MEMBERS if each.name == name)) for name in ("feedback", "campaigns")
    ]
    row = {"body": "支付失败", "external_id": "1", "attributes": filled(ATTRIBUTES, number)}
    playbook = (await ok(campaigns, "POST", "/v1/playbooks", json=ON_A_POST | {"when": filled(WHEN, number)})).json()

    [landed] = (await ok(feedback, "POST", "/v1/feedback:batch", json={"items": [row]})).json()["items"]
    rehearsed = await ok(campaigns, "POST", f"/v1/playbooks/{playbook['id']}/test", json={"data": {"rating": number}})

    assert within(row, (await ok(feedback, "GET", f"/v1/feedback/{landed['id']}")).json())
    assert [verdict["holds"] for verdict in rehearsed.json()["conditions"]] == [True, True]


@pytest.mark.parametrize("number", [*NUMBERS, 10**400, -(10**400), 2**64 + 1])
def test_a_document_of_anybody_comes_back_as_numbers_that_every_writer_takes(number: float):
    stored = f'{{"a": [{number!r}]}}'

    read = read_document(stored)

    assert read_document(write_document(read)) == read
    assert isinstance(read["a"][0], float) or -(2**63) <= read["a"][0] < 2**63


def numbers_taken(document: Mapping[str, Any], schema: Mapping[str, Any], pointer: str) -> Iterator[str]:
    """Yield the pointers of fields that take any number, list places left out."""
    if "$ref" in schema:
        yield from numbers_taken(
            document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], pointer
        )
        return
    branches = [each for key in ("anyOf", "oneOf", "allOf") for each in schema.get(key, ())]
    if branches:
        for branch in branches:
            yield from numbers_taken(document, branch, pointer)
        return
    match schema.get("type"):
        case "number" if "maximum" not in schema:
            yield pointer
        case "array":
            yield from numbers_taken(document, schema["items"], pointer)
        case "object" if schema.get("properties") or schema.get("additionalProperties") is False:
            for name, inner in schema.get("properties", {}).items():
                yield from numbers_taken(document, inner, f"{pointer}/{name}")
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            yield from numbers_taken(document, schema["additionalProperties"], pointer)
        case "object" | None:
            yield pointer
        case _:
            pass


async def test_no_field_that_takes_a_number_is_missing_here(service: tuple[str, Api]):
    document = service[1].app.openapi()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "application/json" in operation.get("requestBody", {}).get("content", ()):
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                found = set(numbers_taken(document, schema, ""))
                assert found == TAKEN.get(f"{method.upper()} {path}", set()), (method, path)
