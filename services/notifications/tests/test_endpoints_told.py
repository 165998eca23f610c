"""Who owns an endpoint is told before it is disabled: once when it begins to fail, and of what ended without success."""

from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.notifications import WebhookExhausted, WebhookFailing
from opsloop_common.testing.events import make_event
from opsloop_notifications.endpoints import rules
from opsloop_notifications.sending.timers import dispatch_webhooks


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example.com/services/T0/secret", "hooks.example.com"),
        ("http://127.0.0.1:9/x?token=1", "127.0.0.1:9"),
    ],
)
def test_of_an_address_the_host_is_told(url, host):
    assert rules.host_of(url) == host


def pause():
    return make_event(CampaignPaused(campaign_id=uuid4(), name="n"))


async def told(acme, kind):
    return [event for event in await acme.service.events() if event.type == kind.type]


async def attempts_are(acme, count):
    return sum(item["attempt_count"] for item in await acme.deliveries(limit=200)) == count


async def fail(acme, until, count):
    """Make so many events, and wait until each was tried once more."""
    before = sum(item["attempt_count"] for item in await acme.deliveries(limit=200))
    for _ in range(count):
        await acme.happen(pause())
    await until(lambda: attempts_are(acme, before + count), "the attempts")


async def test_it_is_told_once_that_an_endpoint_fails_until_it_answers(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        await fail(acme, until, 3)
        assert await told(acme, WebhookFailing) == []
        await fail(acme, until, 6)
        [event] = await until(lambda: told(acme, WebhookFailing), "the event")
        assert (event.workspace, event.subject) == ("acme", f"webhook/{acme.hook['id']}")
        assert event.data["host"] == hook.url.split("/")[2]
        assert (event.data["failure"], event.data["status_code"]) == ("http_error", 500)
        assert 4 <= event.data["failures"] <= 9

        hook.answer = 200
        await acme.happen(pause())
        await until(lambda: is_well(acme), "a success")
        hook.answer = 500
        await fail(acme, until, 5)
        assert len(await told(acme, WebhookFailing)) == 1


async def is_well(acme):
    return (await acme.get(f"/v1/webhooks/{acme.hook['id']}"))["failing_since"] is None


async def test_deliveries_that_ended_without_success_are_told_together(acme, until, work):
    blocked = await acme.post("/v1/webhooks", 201, url="http://localhost:1/", event_types=["campaign.*"])
    acme.hook = blocked
    events = [pause() for _ in range(3)]
    for event in events:
        await acme.happen(event)
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: attempts_are(acme, 3), "the attempts")

    found = await told(acme, WebhookExhausted)
    assert sum(event.data["deliveries"] for event in found) == 3
    first = found[0].data
    assert (first["webhook_id"], first["event_type"], first["failure"]) == (
        blocked["id"],
        "campaign.paused",
        "blocked_target",
    )
    assert first["event_id"] in {str(event.id) for event in events}
    shown = await acme.get(f"/v1/deliveries/{first['delivery_id']}")
    assert (shown["event_id"], shown["status"]) == (first["event_id"], "failed")


async def test_a_lost_delivery_of_such_news_is_not_news(acme, until, work):
    news = make_event(
        WebhookExhausted(
            webhook_id=uuid4(), host="h", deliveries=1, delivery_id=uuid4(), event_id=uuid4(), event_type="kpi.breached", failure="timeout"
        )
    )  # fmt: skip
    acme.hook = await acme.post("/v1/webhooks", 201, url="http://localhost:1/")
    await acme.happen(news)
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: attempts_are(acme, 1), "the attempt")

    assert (await acme.only())["status"] == "failed"
    assert await told(acme, WebhookExhausted) == []
