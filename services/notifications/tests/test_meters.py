"""What `/metrics` says of calls, mails and queues."""

from datetime import timedelta
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import CampaignPaused, MessageContent, MessageRequested
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.queues.timers import show_queues
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.timers import dispatch_webhooks


class Page:
    """The service's own page."""

    def __init__(self, service, key):
        self.service, self.key = service, key

    async def samples(self):
        page = (await self.service.client.get("/metrics")).text
        lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    async def shows(self, **wanted):
        found = await self.samples()
        return all(found[f'opsloop_webhook_attempts_total{{outcome="{name}"}}'] == n for name, n in wanted.items())

    async def webhook(self, url, **fields):
        answer = await self.service.client.post("/v1/webhooks", json={"url": url} | fields, headers=self.key)
        assert answer.status_code == 201, answer.text

    async def happen(self, seconds_ago=0):
        at = self.service.clock.now() - timedelta(seconds=seconds_ago)
        await deliver(self.service.db, WEBHOOKS, make_event(CampaignPaused(campaign_id=uuid4(), name="x"), time=at))


@pytest.fixture
async def page(service):
    return Page(service, await service.key())


async def test_attempts_are_counted_by_outcome_and_deliveries_timed(page, hook, work, until):
    assert await page.shows(succeeded=0, failed=0, blocked=0, gone=0)
    await page.webhook(hook.url)
    async with work(page.service, dispatch_webhooks):
        await page.happen(seconds_ago=2)
        await until(lambda: page.shows(succeeded=1), "success")
        hook.answer = 500
        await page.happen()
        await until(lambda: page.shows(failed=1), "failure")
        hook.answer = 410
        await page.happen()
        await until(lambda: page.shows(gone=1), "gone")
        await page.webhook("http://localhost:1/")  # our own port
        await page.happen()
        await until(lambda: page.shows(blocked=1), "blocked")

    found = await page.samples()
    assert await page.shows(succeeded=1, failed=1, blocked=1, gone=1)
    assert found["opsloop_webhook_delivery_seconds_count"] == 1
    assert found["opsloop_webhook_delivery_seconds_sum"] == 2


async def test_what_waits_is_shown_with_its_age(page, hook, work, until):
    async def queue():
        await show_queues(page.service.runtime)
        found = await page.samples()
        waiting = [found[f'opsloop_deliveries_waiting{{queue="webhooks",when="{when}"}}'] for when in ("due", "later")]
        return (*waiting, found['opsloop_deliveries_oldest_waiting_seconds{queue="webhooks"}'])

    await page.webhook(hook.url)
    hook.answer = 500
    assert await queue() == (0, 0, 0)

    await page.happen()
    page.service.clock.advance(7)
    await page.happen()
    assert await queue() == (2, 0, 7)

    async with work(page.service, dispatch_webhooks):
        await until(lambda: page.shows(failed=2), "two attempts")
    assert await queue() == (0, 2, 0)


async def test_mails_are_counted_by_outcome(page, work, until):
    user = await page.service.client.put("/v1/recipients/u1", json={"email": "u1@example.test"}, headers=page.key)
    assert user.status_code == 201
    content = MessageContent(locale="en", subject="We are on it", body="We saw the crash.\n")
    asked = MessageRequested(
        campaign_id=uuid4(), message_id=uuid4(), channel="email", user_ids=["u1", "u2"], contents=[content]
    )

    async def counted(outcome):
        return (await page.samples())[f'opsloop_mails_total{{outcome="{outcome}"}}']

    event = make_event(asked)
    await deliver(page.service.db, MESSAGES, event)
    await deliver(page.service.db, MESSAGES, event)
    assert [await counted(name) for name in ("no_address", "smtp_not_configured", "sent")] == [1, 0, 0]
    await show_queues(page.service.runtime)
    assert (await page.samples())['opsloop_deliveries_waiting{queue="mails",when="due"}'] == 1

    async with work(page.service, dispatch_mails):
        await until(lambda: counted("smtp_not_configured"), "no mail server")
    assert [await counted(name) for name in ("no_address", "smtp_not_configured", "sent")] == [1, 1, 0]
