"""Deliveries: planned, tried again, given up, sent anew."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest
from standardwebhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.metrics import KpiBreached
from opsloop_common.testing.events import make_event
from opsloop_notifications.sending.timers import dispatch_webhooks


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
    SvixWebhook(acme.hook["secret"]).verify(body, headers)
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
    assert event.data == {"webhook_id": acme.hook["id"], "url": f"{hook.url.removesuffix('/hook')}/…", "reason": "gone"}
    assert event.workspace == "acme"


async def disabled(acme):
    return (await acme.get(f"/v1/webhooks/{acme.hook['id']}"))["status"] == "disabled"


async def test_five_days_of_nothing_but_failures_disable(acme, hook, work, until):
    hook.answer = 503
    async with work(acme.service, dispatch_webhooks):
        made = 0
        for day in range(6):
            await acme.happen(*(breach() for _ in range(2 if day else 10)))
            await until(lambda made=made: more_than(acme, made), "one more, new or repeated: others may be held back")
            if day < 5:
                assert not await disabled(acme)
                made = await attempts(acme)
                acme.service.clock.advance(timedelta(days=1))
        await until(lambda: disabled(acme), "disabled")

    shown = await acme.get(f"/v1/webhooks/{acme.hook['id']}")
    assert shown["disabled_reason"] == "failing"
    enabled = await acme.service.client.patch(
        f"/v1/webhooks/{acme.hook['id']}", json={"status": "enabled"}, headers=acme.key
    )
    assert (enabled.json()["status"], enabled.json()["failing_since"]) == ("enabled", None)


async def attempts(acme):
    return sum(item["attempt_count"] for item in await acme.deliveries(limit=200))


async def more_than(acme, made):
    return await attempts(acme) > made


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
