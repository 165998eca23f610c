"""What was sent and answered is shown whole; and endpoints ask to be left alone with a delivery."""

from uuid import uuid4

import pytest
from aiohttp import web

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.limits import CALL_BODY_BYTES
from opsloop_common.testing.events import make_event
from opsloop_notifications.deliveries.rules import failure_of
from opsloop_notifications.sending.timers import dispatch_webhooks


def pause(name="暂停"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


async def listed(acme):
    return (await acme.get("/v1/deliveries"))["items"]


async def test_the_payload_is_shown_to_the_byte(acme, hook, work, until):
    event = pause("名称 é 😀")
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(event)
        item = await until(lambda: acme.only("succeeded"), "success")
        tested = await acme.post(f"/v1/webhooks/{acme.hook['id']}/test")
        await until(lambda: len(hook.calls) == 2, "the test")

    shown = await acme.get(f"/v1/deliveries/{item['id']}")
    assert shown["payload"].encode() == hook.calls[0][1] == event.to_bytes()
    assert (await acme.get(f"/v1/deliveries/{tested['id']}"))["payload"].encode() == hook.calls[1][1]
    attempt = shown["attempts"][0]
    assert attempt.keys() >= {
        "request_headers",
        "status_code",
        "response_body",
        "duration_ms",
        "failure",
        "next_attempt_at",
    }


async def test_of_an_answer_so_much_is_kept(acme, hook, work, until):
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=500, text="付" + "x" * 30_000)

    hook.answer = answer
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause())
        await until(lambda: hook.calls, "a call")
        item = await until(lambda: attempted(acme), "recorded")

    [attempt] = (await acme.get(f"/v1/deliveries/{item['id']}"))["attempts"]
    assert len(attempt["response_body"].encode()) == CALL_BODY_BYTES
    assert attempt["response_body"].startswith("付xx")


async def attempted(acme):
    item = await acme.only()
    return item if item["attempt_count"] else None


@pytest.mark.parametrize(
    ("status", "wish", "failure"),
    [
        (500, "abort-message", "aborted"),
        (400, " Abort-Message ", "aborted"),
        (503, "x, abort-message", "aborted"),
        (302, "abort-message", "aborted"),
        (410, "abort-message", "gone"),
        (500, "abort", "http_error"),
        (500, "", "http_error"),
        (500, None, "http_error"),
        (302, "abort-messages", "redirect"),
        (500, ",".join(["x"] * 50 + ["abort-message"]), "http_error"),
    ],
)
def test_what_an_endpoint_wishes(status, wish, failure):
    assert failure_of(status, wish) == failure


async def test_an_endpoint_ends_the_tries_of_one_delivery(acme, hook, work, until):
    hook.answer, hook.headers = 422, {"Webhook-Delivery": "abort-message"}
    async with work(acme.service, dispatch_webhooks):
        for _ in range(5):
            await acme.happen(pause())
        await until(lambda: all_over(acme), "the end of them")

    items = await listed(acme)
    assert {(item["status"], item["failure"], item["attempt_count"]) for item in items} == {("failed", "aborted", 1)}
    shown = await acme.get(f"/v1/webhooks/{acme.hook['id']}")
    assert (shown["status"], shown["failing_since"]) == ("enabled", None)
    assert [event.type for event in await acme.service.events() if event.type.startswith("webhook.")] == []


async def all_over(acme):
    items = await listed(acme)
    return all(item["status"] == "failed" for item in items)
