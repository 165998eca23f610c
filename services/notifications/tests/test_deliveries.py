"""Events on their way to endpoints: planned, signed, tried again, given up, sent anew."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest
from aiohttp import web
from sqlalchemy import text
from standardwebhooks import Webhook

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.metrics import KpiBreached
from opsloop_common.db import Context
from opsloop_common.due import run_due
from opsloop_common.testing.events import make_event
from opsloop_notifications.webhooks.jobs import RECOVER, dispatch_webhooks
from opsloop_notifications.webhooks.signing import read_secret, verify


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


def pause(**envelope):
    return make_event(CampaignPaused(campaign_id=uuid4(), name="暂停"), **envelope)


async def test_a_signed_call_arrives(acme, hook, work, until):
    acme.service.clock.set(datetime.now(UTC))
    event = breach()
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(event)
        await until(lambda: hook.calls, "a call")
        delivery = await until(lambda: acme.only("succeeded"), "recorded")

    headers, body = hook.calls[0]
    assert Webhook(acme.hook["secret"]).verify(body, headers) == json.loads(event.to_bytes())
    assert headers["webhook-id"] == str(event.id)
    assert headers["content-type"] == "application/cloudevents+json"
    assert body == event.to_bytes()
    assert (delivery["event_type"], delivery["attempt_count"], delivery["next_attempt_at"]) == ("kpi.breached", 1, None)
    (attempt,) = (await acme.get(f"/v1/deliveries/{delivery['id']}"))["attempts"]
    assert (attempt["number"], attempt["status_code"], attempt["failure"]) == (1, 200, None)
    assert attempt["response_body"] == "thanks"
    assert attempt["request_headers"]["webhook-signature"] == headers["webhook-signature"]
    assert acme.hook["secret"] not in json.dumps(attempt)


async def test_each_endpoint_hears_what_it_asked_for(acme, hook, work, until):
    picky = await acme.post(
        "/v1/webhooks",
        201,
        url=hook.url + "/picky",
        event_types=["kpi.*"],
        filter=[{"field": "data.severity", "op": "in", "value": ["critical"]}],
    )
    deaf = await acme.post(
        "/v1/webhooks", 201, url=hook.url, filter=[{"field": "data.severity", "op": "eq", "value": "info"}]
    )
    first, second, foreign = breach(), pause(), breach(workspace="other")

    await acme.happen(first, second, foreign)
    assert await acme.happen(first, second) == 0

    def planned(items):
        return {item["event_id"] for item in items}

    assert planned(await acme.deliveries()) == {str(first.id), str(second.id)}
    assert planned((await acme.get(f"/v1/webhooks/{picky['id']}/deliveries"))["items"]) == {str(first.id)}
    assert (await acme.get(f"/v1/webhooks/{deaf['id']}/deliveries"))["items"] == []
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: len(hook.calls) == 3, "three calls")


async def test_failures_follow_the_schedule_to_the_end(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(breach())
        for number, wait in enumerate((5, 30, 300, 1800, 7200, 18000, 36000), start=1):
            item = await until(lambda n=number: tried(acme, n), f"attempt {number}")
            due = datetime.fromisoformat(item["next_attempt_at"]) - acme.service.clock.now()
            assert timedelta(seconds=wait) <= due <= timedelta(seconds=wait * 1.2)
            acme.advance(due.total_seconds() - 0.5)
            acme.advance(1)
        item = await until(lambda: tried(acme, 8), "the last attempt")

    assert (item["status"], item["failure"], item["next_attempt_at"]) == ("failed", "http_error", None)
    assert len(hook.calls) == 8
    assert len({headers["webhook-id"] for headers, _ in hook.calls}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in hook.calls}) == 8
    assert [a["number"] for a in (await acme.get(f"/v1/deliveries/{item['id']}"))["attempts"]] == list(range(8, 0, -1))


async def tried(acme, number):
    item = await acme.only()
    return item if item["attempt_count"] == number else None


@pytest.mark.parametrize("by_date", [False, True])
async def test_retry_after_is_honoured(acme, hook, work, until, by_date):
    later = format_datetime(acme.service.clock.now() + timedelta(seconds=600), usegmt=True)
    hook.answer, hook.headers = 429, {"Retry-After": later if by_date else "600"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(breach())
        item = await until(lambda: tried(acme, 1), "an attempt")
        hook.answer, hook.headers = 200, {}
        acme.advance(599)
        acme.advance(1)
        await until(lambda: acme.only("succeeded"), "success")

    assert datetime.fromisoformat(item["next_attempt_at"]) == acme.service.clock.now()
    assert len(hook.calls) == 2


async def test_gone_disables_the_endpoint(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        waiting = breach()
        await acme.happen(waiting)
        await until(lambda: tried(acme, 1), "an attempt")
        hook.answer = 410
        await acme.happen(pause())
        await until(lambda: disabled(acme), "disabled")
        await acme.happen(pause())

    shown = await acme.get(f"/v1/webhooks/{acme.hook['id']}")
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "gone")
    assert {item["status"]: item["failure"] for item in await acme.deliveries()} == {
        "cancelled": "http_error",
        "failed": "gone",
    }
    (event,) = [e for e in await acme.service.events() if e.type == "webhook.disabled"]
    assert event.data == {"webhook_id": acme.hook["id"], "url": hook.url, "reason": "gone"}
    assert event.workspace == "acme"


async def disabled(acme):
    return (await acme.get(f"/v1/webhooks/{acme.hook['id']}"))["status"] == "disabled"


async def test_five_days_of_nothing_but_failures_disable(acme, hook, work, until):
    hook.answer = 503
    async with work(acme.service, dispatch_webhooks):
        for day in range(6):
            await acme.happen(breach(), breach())
            await until(lambda n=len(hook.calls): len(hook.calls) >= n + 2, "two more calls")
            await until(lambda: all_tried(acme), "recorded")
            if day < 5:
                assert not await disabled(acme)
                acme.service.clock.advance(timedelta(days=1))
        await until(lambda: disabled(acme), "disabled")

    shown = await acme.get(f"/v1/webhooks/{acme.hook['id']}")
    assert shown["disabled_reason"] == "failing"
    enabled = await acme.service.client.patch(
        f"/v1/webhooks/{acme.hook['id']}", json={"status": "enabled"}, headers=acme.key
    )
    assert (enabled.json()["status"], enabled.json()["failing_since"]) == ("enabled", None)


async def all_tried(acme):
    return all(item["attempt_count"] for item in await acme.deliveries())


async def test_a_blocked_target_is_not_tried_again(acme, hook, work, until):
    lost = await acme.post("/v1/webhooks", 201, url="http://localhost:1/")  # our own port
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(breach())
        (item,) = await until(lambda: finished(acme, lost), "given up")

    detail = (await acme.get(f"/v1/deliveries/{item['id']}"))["attempts"][0]
    assert (item["status"], item["failure"]) == ("failed", "blocked_target")
    assert "127" not in detail["detail"]


async def finished(acme, hook):
    items = (await acme.get(f"/v1/webhooks/{hook['id']}/deliveries"))["items"]
    return items if items and all(item["status"] != "pending" for item in items) else None


async def test_redirects_and_refused_connections_fail(acme, hook, work, until):
    hook.answer, hook.headers = 302, {"Location": "http://169.254.169.254/"}
    closed = await acme.post("/v1/webhooks", 201, url="http://127.0.0.1:2/")
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(breach())
        redirected = await until(lambda: tried(acme, 1), "an attempt")
        path = f"/v1/webhooks/{closed['id']}/deliveries"

        async def refused():
            (item,) = (await acme.get(path))["items"]
            return item if item["attempt_count"] else None

        unanswered = await until(refused, "an attempt")

    assert (redirected["failure"], redirected["status"]) == ("redirect", "pending")
    assert (unanswered["failure"], unanswered["status"]) == ("connection", "pending")
    assert len(hook.calls) == 1


async def test_resend_keeps_the_id(acme, hook, work, until):
    event = breach()
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(event)
        item = await until(lambda: acme.only("succeeded"), "success")
        again = await acme.post(f"/v1/deliveries/{item['id']}/resend")
        await until(lambda: tried(acme, 2), "a second attempt")

    assert again["status"] == "pending"
    assert [headers["webhook-id"] for headers, _ in hook.calls] == [str(event.id)] * 2


async def test_resend_and_delivery_doors(acme, hook):
    await acme.happen(breach())
    item = await acme.only()
    path, stranger = f"/v1/deliveries/{item['id']}", await acme.service.key(workspace="other")
    reader = await acme.service.key("notifications:read")
    client = acme.service.client

    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=stranger)).status_code == 404
    assert (await client.post(f"{path}/resend")).status_code == 401
    assert (await client.post(f"{path}/resend", headers=stranger)).status_code == 404
    assert (await client.post(f"{path}/resend", headers=reader)).status_code == 403
    await client.patch(f"/v1/webhooks/{acme.hook['id']}", json={"status": "disabled"}, headers=acme.key)
    assert (await client.post(f"{path}/resend", headers=acme.key)).status_code == 409
    assert (await acme.only())["status"] == "cancelled"
    assert await acme.deliveries(status="pending") == []
    assert await acme.deliveries(event_type="kpi.recovered") == []
    assert len(await acme.deliveries(status="cancelled", event_type="kpi.breached")) == 1


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


async def test_recover_delivers_what_failed_and_what_was_missed(acme, hook, work, until):
    since = acme.service.clock.now()
    path = f"/v1/webhooks/{acme.hook['id']}"
    failed, missed, late = breach(), breach(), breach()
    await acme.happen(failed)
    await acme.service.client.patch(path, json={"status": "disabled"}, headers=acme.key)
    await acme.happen(missed)
    await acme.service.client.patch(path, json={"status": "enabled"}, headers=acme.key)
    await acme.happen(late)

    job = await acme.post(f"{path}/recover", since=since.isoformat())
    queued = await acme.get(f"/v1/jobs/{job['job_id']}")
    assert await run_due(acme.service.db, [RECOVER]) == 1
    ended = await acme.get(f"/v1/jobs/{job['job_id']}")

    assert (queued["status"], ended["status"]) == ("queued", "succeeded")
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: len(hook.calls) == 3, "three calls")

    assert {headers["webhook-id"] for headers, _ in hook.calls} == {str(e.id) for e in (failed, missed, late)}
