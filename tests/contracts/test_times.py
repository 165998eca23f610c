"""No time at the edge of the calendar is stored that could not be read again, in any field that takes one."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urljoin

import pytest
from sqlalchemy import text

from opsloop.services import MEMBERS
from opsloop_common.db import Context
from opsloop_common.testing.http import Api
from tests.contracts.worlds.campaigns import CAMPAIGN
from tests.contracts.worlds.metrics import REPORTED

FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
BEYOND = (FIRST, LAST, "1899-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
EDGES = ("1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2999-12-31T00:00:00+14:00")
FIELDS = {
    "feedback": [("POST", "/v1/feedback", {"body": "x"}, "occurred_at"), ("PATCH", "/v1/feedback/{id}", {}, "due_at")],
    "metrics": [("POST", "/v1/kpis/csat/values", {"value": 1}, "at")],
    "campaigns": [("POST", "/v1/campaigns", CAMPAIGN, "schedule_at")],
    "notifications": [("POST", "/v1/webhooks/{id}/recover", {}, "since")],
}
MADE = {
    "feedback": ("/v1/feedback", {"body": "x"}),
    "metrics": ("/v1/kpis", REPORTED),
    "campaigns": ("/v1/campaigns", CAMPAIGN),
    "notifications": ("/v1/webhooks", {"url": "https://example.com/", "event_types": ["*"]}),
}
SERVICES = {service.name: service for service in MEMBERS}


def takes_times(api: Api) -> set[tuple[str, str]]:
    """Return (operation, field) of every body of the contract that takes a time."""
    document = api.app.openapi()
    shapes = document["components"]["schemas"]
    found = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "requestBody" not in operation:
                continue
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            fields = shapes[schema["$ref"].rpartition("/")[2]]["properties"] if "$ref" in schema else {}
            for name, field in fields.items():
                if any(each.get("format") == "date-time" for each in (field, *field.get("anyOf", ()))):
                    found.add((f"{method.upper()} {path}", name))
    return found


@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_what_is_stored_can_be_read(api, name: str):
    door: Api = await api(SERVICES[name])
    key = await door.key()
    path, body = MADE[name]
    made = await door.client.post(path, json=body, headers=key)
    assert made.status_code == 201, made.text
    id = urljoin(path, made.headers["location"]).rpartition("/")[2]
    fields = [*FIELDS[name], ("POST", "/v1/api-keys", {"name": "x", "scopes": [f"{name}:read"]}, "expires_at")]

    for method, template, rest, field in fields:
        target = template.format(id=id)
        for value in BEYOND:
            answer = await door.client.request(method, target, json=rest | {field: value}, headers=key)
            assert answer.status_code == 422, (target, value, answer.text)
            assert answer.json()["errors"][0]["pointer"] == f"/{field}"
        for value in EDGES:
            answer = await door.client.request(method, target, json=rest | {field: value}, headers=key)
            assert answer.status_code < 500, (target, value, answer.text)
    for listed in (path, "/v1/api-keys", "/v1/audit"):
        answer = await door.client.get(listed, headers=key)
        assert answer.status_code == 200, (listed, answer.text)


@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_every_field_that_takes_a_time_is_tried(api, name: str):
    door: Api = await api(SERVICES[name])

    tried = {(f"{method} {path}", field) for method, path, _, field in FIELDS[name]}
    known = {("POST /v1/api-keys", "expires_at"), ("PATCH /v1/campaigns/{campaign_id}", "schedule_at")}
    named = {(operation.replace("{key}", "csat"), field) for operation, field in takes_times(door)}
    plain = {(_nameless(operation), field) for operation, field in named}
    assert plain - {(_nameless(operation), field) for operation, field in tried | known} == set()


def _nameless(operation: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in operation.split("/"))


async def test_filters_take_no_such_time_either(api):
    door: Api = await api(SERVICES["feedback"])
    key = await door.key()

    for value in BEYOND:
        answer = await door.client.get(f"/v1/feedback?created_from={quote(value)}", headers=key)
        assert answer.status_code == 422, value


async def test_what_was_stored_before_is_still_shown(api):
    door: Api = await api(SERVICES["feedback"])
    key = await door.key()
    id = (await door.client.post("/v1/feedback", json={"body": "x"}, headers=key)).json()["id"]

    for stored in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        async with door.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text("UPDATE feedback SET due_at = :at, occurred_at = :at"), {"at": stored})

        for path in (f"/v1/feedback/{id}", "/v1/feedback"):
            answer = await door.client.get(path, headers=key)
            assert answer.status_code == 200, answer.text
