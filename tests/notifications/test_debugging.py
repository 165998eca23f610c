"""Scenario 9: who gets webhooks finds out by themselves what was sent, what was answered, and has it again."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

from aiohttp import web

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import make_event
from opsloop_notifications.deliveries.rules import BODY_KEPT_CHARACTERS
from opsloop_notifications.recoveries.timers import RECOVER
from opsloop_notifications.retention.timers import FORGET_OLD
from opsloop_notifications.sending.timers import dispatch_webhooks

LONG = "错" * 20_000


def happened(name: str):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


async def test_9_a_subscriber_sees_each_attempt_and_gets_what_was_missed(acme, hook, work, until):
    service, path = acme.service, f"/v1/webhooks/{acme.hook['id']}"
    cursor = (await acme.get("/v1/events?start=now"))["next_cursor"]
    since = service.clock.now().isoformat()

    async def answer(request):
        return web.Response(status=500, text=LONG)

    async with work(service, dispatch_webhooks):
        hook.answer = answer
        await acme.happen(happened("first"))
        failed = await until(lambda: with_attempts(acme, 1), "an attempt")
        shown = await acme.get(f"/v1/deliveries/{failed['id']}")
        hook.answer = 200

        again = await acme.post(f"/v1/deliveries/{failed['id']}/resend")
        await until(lambda: acme.only("succeeded"), "sent again")
        tested = await acme.post(f"{path}/test")
        await until(lambda: "webhook.test" in types(hook), "the test")
        await acme.change(acme.hook, status="disabled")
        for number in range(5):
            await acme.happen(happened(f"missed {number}"))
        await acme.change(acme.hook, status="enabled")
        job = await acme.post(f"{path}/replay-missing", since=since)
        await until(lambda: is_over(acme, job), "the range is replayed")
    polled = [event["data"]["name"] for event in (await acme.get(f"/v1/events?cursor={cursor}"))["items"]]

    [attempt] = shown["attempts"]
    sent, body = hook.calls[0]
    assert shown["payload"].encode() == body
    assert (attempt["number"], attempt["status_code"], attempt["failure"]) == (1, 500, "http_error")
    assert attempt["request_headers"]["webhook-signature"] == sent["webhook-signature"]
    assert attempt["request_headers"]["webhook-id"] == failed["event_id"]
    assert attempt["duration_ms"] >= 0
    kept = attempt["response_body"]
    assert LONG.startswith(kept.rstrip("\ufffd"))
    assert 0 < len(kept.encode()) <= BODY_KEPT_CHARACTERS + 3  # 16 KiB, which end within a sign
    assert failed["next_attempt_at"] is not None
    assert (again["status"], tested["event_type"]) == ("pending", "webhook.test")
    missed = [f"missed {number}" for number in range(5)]
    assert [name for name in names_of(hook) if name.startswith("missed")] == missed
    assert polled == ["first", *missed]

    print(
        f"9 an attempt with {len(attempt['request_headers'])} headers, {len(kept.encode())} bytes of the answer, "
        f"resent {names_of(hook).count('first') - 1}, replayed {len(missed)}, polled {len(polled)}, tests 1"
    )


async def test_9_past_its_retention_the_payload_is_gone_and_the_log_row_stays(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(happened("old"))
        await until(lambda: with_attempts(acme, 1), "an attempt")
        acme.service.clock.advance(timedelta(days=5))
        hook.answer = 200
        acme.advance(0)
        item = await until(lambda: acme.only("succeeded"), "success days later")
    acme.service.clock.advance(timedelta(days=26))
    await run_recurring(acme.service.db, [FORGET_OLD])

    shown = await acme.get(f"/v1/deliveries/{item['id']}")
    answer = await acme.service.client.post(f"/v1/deliveries/{item['id']}/resend", headers=acme.key)

    print(
        f"9 past retention: payload {shown['payload']}, attempts {len(shown['attempts'])}, resend {answer.status_code}"
    )
    assert (answer.status_code, shown["payload"]) == (410, None)
    assert [attempt["status_code"] for attempt in shown["attempts"]] == [200, 500]


def types(hook):
    return [json.loads(body)["type"] for _, body in hook.calls]


def names_of(hook):
    return [json.loads(body)["data"].get("name", "") for _, body in hook.calls]


async def with_attempts(acme, count):
    item = await acme.only()
    return item if item["attempt_count"] == count else None


async def is_over(acme, job):
    await run_due(acme.service.db, [RECOVER])
    acme.advance(1)
    return (await acme.get(f"/v1/jobs/{job['job_id']}"))["finished_at"]
