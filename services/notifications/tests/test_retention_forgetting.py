"""What is past its retention goes; what is still to be tried stays, and whoever comes too late is told so."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused, MessageContent, MessageRequested
from opsloop_common.db import Context
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.retention import timers as retention
from opsloop_notifications.sending import service as sending
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.timers import dispatch_webhooks

KEPT = timedelta(days=30)
DAY = timedelta(days=1)


def pause(**envelope):
    return make_event(CampaignPaused(campaign_id=uuid4(), name="x"), **envelope)


class Acme:
    """One workspace with one endpoint."""

    def __init__(self, service, key):
        self.service, self.key, self.hook = service, key, {}

    async def ask(self, method, path, status=200, **options):
        answer = await self.service.client.request(method, path, headers=self.key, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def deliveries(self, *, hook=None):
        return (await self.ask("GET", f"/v1/webhooks/{(hook or self.hook)['id']}/deliveries"))["items"]

    async def tried(self, times):
        items = await self.deliveries()
        return items if items and all(item["attempt_count"] == times for item in items) else None

    async def ended(self):
        items = await self.deliveries()
        return items if items and all(item["status"] != "pending" for item in items) else None

    async def count(self, table, workspace="acme"):
        async with self.service.db.transaction(Context(workspace=workspace)) as session:
            return await session.scalar(text(f"SELECT count(*) FROM {table}"))

    async def forget(self, after=KEPT + DAY):
        self.service.clock.advance(after)
        assert await run_recurring(self.service.db, [retention.FORGET_OLD])


@pytest.fixture
async def acme(service, hook):
    made = Acme(service, await service.key())
    made.hook = await made.ask("POST", "/v1/webhooks", 201, json={"url": hook.url, "event_types": ["*"]})
    return made


async def test_a_cursor_behind_the_log_is_told_and_may_go_on(acme, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    key, client = acme.key, acme.service.client
    first = (await client.get("/v1/events", headers=key)).json()["next_cursor"]
    await deliver(acme.service.db, WEBHOOKS, *(pause() for _ in range(5)), pause(workspace="other"))
    page = await acme.ask("GET", "/v1/events", params={"limit": 2})
    whole = await acme.ask("GET", "/v1/events")
    acme.service.clock.advance(timedelta(days=20))
    young = pause()
    await deliver(acme.service.db, WEBHOOKS, young)

    await acme.forget(after=timedelta(days=11))

    assert [item["id"] for item in (await acme.ask("GET", "/v1/events"))["items"]] == [str(young.id)]
    for cursor in (first, page["next_cursor"]):
        answer = await client.get("/v1/events", params={"cursor": cursor}, headers=key)
        assert answer.status_code == 410
        problem = answer.json()
        assert problem["type"] == "urn:opsloop:problem:gone"
        onward = await acme.ask("GET", "/v1/events", params={"cursor": problem["next_cursor"]})
        assert [item["id"] for item in onward["items"]] == [str(young.id)]
    onward = await acme.ask("GET", "/v1/events", params={"cursor": whole["next_cursor"]})
    assert [item["id"] for item in onward["items"]] == [str(young.id)]
    assert await acme.count("event_log", "other") == 0


async def test_a_poller_of_an_emptied_log_goes_on(acme):
    await deliver(acme.service.db, WEBHOOKS, pause())
    cursor = (await acme.ask("GET", "/v1/events"))["next_cursor"]

    await acme.forget()
    empty = await acme.ask("GET", "/v1/events", params={"cursor": cursor})
    anew = await acme.ask("GET", "/v1/events")
    late = pause()
    await deliver(acme.service.db, WEBHOOKS, late)

    assert (empty["items"], empty["has_more"]) == ([], False)
    for page in (empty, anew):
        found = await acme.ask("GET", "/v1/events", params={"cursor": page["next_cursor"]})
        assert [item["id"] for item in found["items"]] == [str(late.id)]


async def test_ended_deliveries_go_with_their_attempts(acme, hook, work, until, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    async with work(acme.service, dispatch_webhooks):
        await deliver(acme.service.db, WEBHOOKS, *(pause() for _ in range(5)))
        await until(acme.ended, "five calls")
        acme.service.clock.advance(timedelta(days=29))
        young = pause()
        await deliver(acme.service.db, WEBHOOKS, young)
        await until(acme.ended, "a sixth call")

    await acme.forget(after=timedelta(days=2))

    (left,) = await acme.deliveries()
    assert left["event_id"] == str(young.id)
    assert await acme.count("delivery_attempt") == 1
    await acme.ask("GET", f"/v1/deliveries/{left['id']}")


async def test_what_is_still_to_be_tried_outlasts_its_event(acme, hook, work, until):
    hook.answer = 500
    waiting = pause()
    async with work(acme.service, dispatch_webhooks):
        await deliver(acme.service.db, WEBHOOKS, waiting)
        await until(lambda: acme.tried(1), "an attempt")

    await acme.forget()
    await acme.forget()

    assert (await acme.ask("GET", "/v1/events"))["items"] == []
    assert [item["status"] for item in await acme.deliveries()] == ["pending"]
    assert await acme.count("delivery_attempt") == 1
    hook.answer = 200
    async with work(acme.service, dispatch_webhooks):
        (ended,) = await until(acme.ended, "a second attempt")
    assert (ended["status"], ended["attempt_count"]) == ("succeeded", 2)
    assert [body for _, body in hook.calls] == [waiting.to_bytes()] * 2
    again = await acme.ask("POST", f"/v1/deliveries/{ended['id']}/resend", 202)  # it has its document now
    assert again["status"] == "pending"
    # and still belongs to an endpoint that takes nothing while it is disabled
    await acme.ask("PATCH", f"/v1/webhooks/{acme.hook['id']}", json={"status": "disabled"})
    await acme.ask("POST", f"/v1/deliveries/{ended['id']}/resend", 409)


async def test_resending_what_is_past_its_retention_answers_410(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        await deliver(acme.service.db, WEBHOOKS, pause())
        await until(lambda: acme.tried(1), "an attempt")
        acme.service.clock.advance(5 * DAY)
        hook.answer = 200
        (item,) = await until(acme.ended, "success")

    await acme.forget(after=KEPT - 4 * DAY)

    assert [left["id"] for left in await acme.deliveries()] == [item["id"]]
    problem = await acme.ask("POST", f"/v1/deliveries/{item['id']}/resend", 410)
    assert problem["type"] == "urn:opsloop:problem:gone"
    assert [left["status"] for left in await acme.deliveries()] == ["succeeded"]


async def test_a_resend_while_the_log_is_pruned_keeps_its_document(acme, hook, work, until):
    hook.answer = 410
    async with work(acme.service, dispatch_webhooks):
        await deliver(acme.service.db, WEBHOOKS, pause())
        (item,) = await until(acme.ended, "given up")
    hook.answer = 200
    await acme.ask("PATCH", f"/v1/webhooks/{acme.hook['id']}", json={"status": "enabled"})
    acme.service.clock.advance(KEPT + DAY)
    before = acme.service.clock.now() - KEPT

    async def waits_for_us():
        async with acme.service.db.transaction() as session:
            return await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    async def forget_events():
        async with acme.service.db.transaction(Context(workspace="acme")) as session:
            await retention._forget_events(session, before)

    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        await sending.resend(session, item["id"])
        forgetting = asyncio.create_task(forget_events())
        await until(waits_for_us, "the pruning waits for the event that is needed again")
    await forgetting

    assert await acme.count("event_log") == 0
    async with work(acme.service, dispatch_webhooks):
        (ended,) = await until(acme.ended, "sent again")
    assert (ended["status"], len(hook.calls)) == ("succeeded", 2)


async def test_an_endpoint_taken_away_goes_after_its_deliveries(acme, hook):
    await deliver(acme.service.db, WEBHOOKS, pause())
    await acme.ask("DELETE", f"/v1/webhooks/{acme.hook['id']}", 204)

    await acme.forget(after=timedelta(days=29))
    assert (await acme.count("webhook"), await acme.count("delivery")) == (1, 1)
    await acme.forget(after=timedelta(days=2))

    assert (await acme.count("webhook"), await acme.count("delivery")) == (0, 0)


def request(*user_ids):
    content = MessageContent(locale="en", subject="We are on it", body="We saw the crash.\n")
    return make_event(
        MessageRequested(
            campaign_id=uuid4(), message_id=uuid4(), channel="email", user_ids=list(user_ids), contents=[content]
        )
    )


async def test_ended_notifications_go_and_waiting_ones_stay(acme, work, until, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    await acme.ask("PUT", "/v1/recipients/u1", 201, json={"email": "u1@example.test"})
    lost, waiting = request("nobody", "nobody else", "no one"), request("u1")
    for event in (lost, waiting):
        await deliver(acme.service.db, WEBHOOKS, event)  # the log hears of every event too
        await deliver(acme.service.db, MESSAGES, event)

    await acme.forget()

    (left,) = (await acme.ask("GET", "/v1/notifications"))["items"]
    assert (left["user_id"], left["status"]) == ("u1", "pending")
    assert await acme.count("message") == 1
    async with work(acme.service, dispatch_mails):  # there is no mail server
        await until(lambda: failed(acme), "given up")
    await acme.forget()
    assert (await acme.count("notification"), await acme.count("message")) == (0, 0)
    assert await acme.count("outbox_stream WHERE stream LIKE 'notification/%' AND ended_at IS NULL") == 0
    assert await acme.count("outbox_stream WHERE stream LIKE 'notification/%'") == 4


async def failed(acme):
    return (await acme.ask("GET", "/v1/notifications", params={"status": "failed"}))["items"]
