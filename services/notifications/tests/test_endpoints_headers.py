"""Headers that an endpoint's owner gives: which, how many, kept to oneself, and sent."""

from uuid import uuid4

import jsonschema
import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.sending.timers import dispatch_webhooks

URL = "http://127.0.0.1:9/hook"
GIVEN = {"Authorization": "Bearer of-nobody-else", "X-Team": "on call"}


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"Host": "x"}, "/headers/Host"),
        ({"x-a": "a\r\nx-b: c"}, "/headers/x-a"),
        ({"x-a": "支付"}, "/headers/x-a"),
        ({"x-a": " a"}, "/headers/x-a"),
        ({"x-a": ""}, "/headers/x-a"),
        ({"x-a": "a" * 1_001}, "/headers/x-a"),
        ({"x-a": 5}, "/headers/x-a"),
        ({"x-a": None}, "/headers/x-a"),
        ({"x-a": True}, "/headers/x-a"),
        ({"x-a": "1", "X-A": "2"}, "/headers"),
        ({f"x-{n}": "v" for n in range(21)}, "/headers"),
        ([], "/headers"),
        (None, "/headers"),
    ],
)
async def test_create_refuses(service, headers, pointer):
    body = {"url": URL, "event_types": ["*"], "headers": headers}

    answer = await service.client.post("/v1/webhooks", json=body, headers=await service.key())

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("headers", "is_meant"),
    [
        (GIVEN, True),
        ({"x-a": 5}, False),
        ({"a b": "1"}, False),
        ({"x-a": " a"}, False),
        ({"x-a": "a" * 1_001}, False),
        ({f"x-{n}": "v" for n in range(21)}, False),
    ],
)
def test_the_contract_says_what_is_taken(service, headers, is_meant):
    said = service.app.openapi()["components"]["schemas"]["WebhookIn"]["properties"]["headers"]

    assert jsonschema.Draft202012Validator(said).is_valid(headers) is is_meant


async def test_a_header_without_a_value_cannot_stay_as_it_is(acme):
    path = f"/v1/webhooks/{acme.hook['id']}"

    for value in (True, False, 5):
        answer = await acme.service.client.patch(path, json={"headers": {"x-a": value}}, headers=acme.key)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/headers/x-a")


async def stored(acme, statement):
    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        return [tuple(row) for row in await session.execute(text(statement))]


async def both_recorded(acme):
    return len(await acme.deliveries(status="succeeded")) == 2


async def audited(acme):
    return [item for item in (await acme.get("/v1/audit"))["items"] if item["subject"].startswith("webhook/")]


async def test_values_are_sealed_and_names_are_shown(acme):
    made = await acme.post("/v1/webhooks", 201, url=URL, event_types=["*"], headers=GIVEN)
    path = f"/v1/webhooks/{made['id']}"

    assert made["headers"] == {"authorization": True, "x-team": True}
    assert (await acme.get(path))["headers"] == made["headers"]
    sealed = await stored(acme, f"SELECT sealed_headers FROM webhook WHERE id = '{made['id']}'")
    assert "Bearer" not in sealed[0][0]

    same = await acme.service.client.patch(
        path, json={"headers": {"x-TEAM": "on call", "authorization": True}}, headers=acme.key
    )
    assert same.headers["etag"] == '"1"'
    await acme.change(made, headers={"X-Team": None, "x-new": "1"})
    assert list((await acme.get(path))["headers"]) == ["authorization", "x-new"]
    await acme.change(made, headers={"x-new": "2"})
    newest, renamed, created = [item for item in await audited(acme) if item["subject"] == f"webhook/{made['id']}"]
    assert newest["after"] == {"headers": "(secret)"}
    assert renamed["after"]["header_names"] == ["authorization", "x-new"]
    assert created["after"]["header_names"] == ["authorization", "x-team"]
    assert "of-nobody-else" not in str(await audited(acme))

    await acme.service.client.delete(path, headers=acme.key)
    assert await stored(acme, f"SELECT sealed_headers FROM webhook WHERE id = '{made['id']}'") == [(None,)]


async def test_they_are_sent_and_not_written_down(acme, hook, work, until):
    await acme.change(acme.hook, headers=GIVEN)

    async with work(acme.service, dispatch_webhooks):
        await acme.happen(make_event(CampaignPaused(campaign_id=uuid4(), name="n")))
        await until(lambda: hook.calls, "the call")
        await acme.change(acme.hook, headers={"authorization": "Bearer another", "x-team": None})
        await acme.happen(make_event(CampaignPaused(campaign_id=uuid4(), name="n")))
        await until(lambda: len(hook.calls) == 2, "the other call")
        await until(lambda: both_recorded(acme), "the records")
        first = (await acme.deliveries())[1]

    (one, _), (other, _) = hook.calls
    assert (one["authorization"], one["x-team"]) == ("Bearer of-nobody-else", "on call")
    assert (other["authorization"], "x-team" in other) == ("Bearer another", False)
    [attempt] = (await acme.get(f"/v1/deliveries/{first['id']}"))["attempts"]
    assert attempt["request_headers"]["authorization"] == attempt["request_headers"]["x-team"] == "(secret)"
    assert attempt["request_headers"]["webhook-id"] == first["event_id"]
    assert "of-nobody-else" not in str(await stored(acme, "SELECT request_headers::text FROM delivery_attempt"))
