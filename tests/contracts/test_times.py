"""No time at the edge of the calendar is stored that could not be read again, in any field that takes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.http import Api, settings_for_tests
from tests.contracts.test_every_route import SERVICES
from tests.contracts.worlds import BODIES, QUERIES, WORDED, fill

FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
BEYOND = (FIRST, LAST, "1899-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
EDGES = ("1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2999-12-31T00:00:00+14:00")
FIELDS = {
    "feedback": {("POST /v1/feedback", "occurred_at"), ("PATCH /v1/feedback/{feedback_id}", "due_at")},
    "metrics": {("POST /v1/kpis/{key}/values", "at")},
    "campaigns": {("POST /v1/campaigns", "schedule_at"), ("PATCH /v1/campaigns/{campaign_id}", "schedule_at")},
    "notifications": {
        ("POST /v1/webhooks/{webhook_id}/recover", "since"),
        ("POST /v1/webhooks/{webhook_id}/replay-missing", "since"),
    },
    "sample": {("POST /v1/reminders", "remind_at"), ("PATCH /v1/reminders/{reminder_id}", "remind_at")},
}
"""Some of what `takes_times` has to find."""


def takes_times(api: Api) -> set[tuple[str, str]]:
    """Return (operation, field) of every body of the contract that takes a time."""
    document = api.app.openapi()
    shapes = document["components"]["schemas"]
    found = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "application/json" not in operation.get("requestBody", {}).get("content", ()):
                continue
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            fields = shapes[schema["$ref"].rpartition("/")[2]]["properties"] if "$ref" in schema else {}
            for name, field in fields.items():
                if any(each.get("format") == "date-time" for each in (field, *field.get("anyOf", ()))):
                    found.add((f"{method.upper()} {path}", name))
    return found


def body_of(operation: str, service: str) -> dict[str, Any]:
    """Return a valid body of an operation, as the worlds say it."""
    body = WORDED.get(operation) or BODIES.get(operation)
    assert body is not None, f"tests/contracts/worlds has no body for {operation}, which takes a time"
    return body | ({"scopes": [f"{service}:read"]} if operation == "POST /v1/api-keys" else {})


@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_what_is_stored_can_be_read(api, name: str, tmp_path):
    service = SERVICES[name]
    door: Api = await api(
        service, settings_for_tests(service.settings, outbound_allow="127.0.0.0/8", attachments_path=tmp_path)
    )
    key, ids = await door.key(), await fill(door)

    for operation, field in sorted(takes_times(door)):
        rest = body_of(operation, name)
        method, target = operation.format_map(ids).split(" ")
        for value in BEYOND:
            answer = await door.client.request(method, target, json=rest | {field: value}, headers=key)
            assert answer.status_code == 422, (target, value, answer.text)
            assert answer.json()["errors"][0]["pointer"] == f"/{field}"
        for value in EDGES:
            answer = await door.client.request(method, target, json=rest | {field: value}, headers=key)
            assert answer.status_code < 500, (target, value, answer.text)
    lists = [path for path, item in door.app.openapi()["paths"].items() if "get" in item and "{" not in path]
    assert len(lists) > len(("/v1/api-keys", "/v1/audit"))
    for listed in lists:
        answer = await door.client.get(listed, params=QUERIES.get(f"GET {listed}"), headers=key)
        assert answer.status_code == 200, (listed, answer.text)


@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_every_field_that_takes_a_time_is_found(api, name: str):
    door: Api = await api(SERVICES[name])

    assert takes_times(door) >= FIELDS[name] | {("POST /v1/api-keys", "expires_at")}


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
