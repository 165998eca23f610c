"""The way to an endpoint: tests, secrets, crashes, one that hangs."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from aiohttp import web
from sqlalchemy import text

from opsloop_common.contracts.metrics import KpiBreached
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.sending.timers import dispatch_webhooks
from opsloop_notifications.signing.rules import read_secret, verify


def breach(**envelope):
    data = KpiBreached(
        monitor_id=uuid4(),
        kpi="severe_share",
        incident_id=uuid4(),
        value=0.7,
        severity="critical",
        started_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    return make_event(data, **envelope)


async def test_a_test_event_takes_the_same_way(acme, hook, work, until):
    async with work(acme.service, dispatch_webhooks):
        sent = await acme.post(f"/v1/webhooks/{acme.hook['id']}/test")
        await until(lambda: hook.calls, "a call")
        await until(lambda: acme.only("succeeded"), "recorded")

    headers, body = hook.calls[0]
    document = json.loads(body)
    assert (document["type"], document["data"]) == ("webhook.test", {"webhook_id": acme.hook["id"]})
    assert headers["webhook-id"] == document["id"] == sent["event_id"]
    assert (await acme.get("/v1/events"))["items"] == []


async def test_both_secrets_sign_during_the_grace_period(acme, hook, work, until):
    new = (await acme.post(f"/v1/webhooks/{acme.hook['id']}/rotate-secret", 200, grace="PT1M"))["secret"]
    old = acme.hook["secret"]
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(breach())
        await until(lambda: len(hook.calls) == 1, "a call")
        acme.service.clock.advance(61)
        await acme.happen(breach())
        await until(lambda: len(hook.calls) == 2, "another call")

    now = int(acme.service.clock.now().timestamp())
    (inside, body), (after, later_body) = hook.calls
    assert verify(read_secret(new), inside, body, now)
    assert verify(read_secret(old), inside, body, now)
    assert verify(read_secret(new), after, later_body, now)
    assert not verify(read_secret(old), after, later_body, now)


async def test_a_dead_process_leaves_nothing_behind(acme, hook, work, until):
    await acme.happen(breach())
    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("UPDATE delivery_queue SET owner = :owner"), {"owner": acme.service.runtime.boot_id})

    async with work(acme.service, dispatch_webhooks):  # starts again in a process whose first try of it failed
        await until(lambda: acme.only("succeeded"), "success")


async def test_a_hanging_endpoint_does_not_hold_up_others(acme, hook, work, until):
    release = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        if request.path.endswith("/slow"):
            await release.wait()
        return web.Response()

    hook.answer = hang
    slow = await acme.post("/v1/webhooks", 201, url=hook.url + "/slow")
    async with work(acme.service, dispatch_webhooks):
        for _ in range(3):
            await acme.happen(*(breach() for _ in range(100)))
        await until(lambda: no_longer_pending(acme), "300 deliveries to the quick one")
        claimed = sum(1 for headers, _ in hook.calls) - 300
        release.set()
        await until(lambda: finished_count(acme, slow, 300), "300 to the slow one", 20)

    assert 0 < claimed <= 64


async def no_longer_pending(acme):
    return len(await acme.deliveries(status="succeeded", limit=200)) == 200 and not await acme.deliveries(
        status="pending"
    )


async def finished_count(acme, hook, count):
    path = f"/v1/webhooks/{hook['id']}/deliveries"
    answer = await acme.service.client.get(path, params={"status": "pending"}, headers=acme.key)
    return answer.json()["items"] == []


@pytest.mark.parametrize(("type", "status"), [("kpi.breached", 200), ("webhook.test", 200), ("kpi.breach", 422)])
async def test_deliveries_are_listed_by_types_that_there_are(service, type, status):
    key = await service.key()
    hook = (await service.client.post("/v1/webhooks", json={"url": "https://example.com/hook"}, headers=key)).json()[
        "id"
    ]

    answer = await service.client.get(f"/v1/webhooks/{hook}/deliveries?event_type={type}", headers=key)

    assert answer.status_code == status, answer.text


async def test_an_attempt_that_cannot_be_stored_is_kept_without_the_endpoints_words(acme, work, until, monkeypatch):
    monkeypatch.setattr("opsloop_notifications.sending.sender.shown_body", lambda body, headers: "thanks \0 \ud83d")
    async with work(acme.service):
        await acme.post(f"/v1/webhooks/{acme.hook['id']}/test")
        delivery = await until(lambda: acme.only("succeeded"), "delivered and recorded")

    (attempt,) = (await acme.get(f"/v1/deliveries/{delivery['id']}"))["attempts"]
    assert (attempt["status_code"], attempt["failure"], attempt["response_body"]) == (200, None, None)
    assert attempt["detail"] == "What the endpoint answered could not be stored."
