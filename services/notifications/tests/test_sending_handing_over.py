"""From the bus into the engine's hands: one statement, and no further look at the database before the call."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from opsloop_common import limits
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.due import engine
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.sender import WebhookWork
from opsloop_notifications.sending.timers import dispatch_webhooks


def pause(name="Pause"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


@pytest.mark.parametrize("quickly", [True, False])
async def test_both_ways_to_hear_an_event_come_to_the_same(acme, hook, quickly):
    wanted = {"field": "data.name", "op": "in", "value": ["暂停"]}
    picky = await acme.post("/v1/webhooks", 201, url=hook.url, event_types=["campaign.*"], filter=[wanted])
    await acme.post("/v1/webhooks", 201, url=hook.url, event_types=["kpi.*"], filter=[wanted | {"field": "data.kpi"}])
    events = [pause("暂停"), pause(), pause("暂停"), pause()]
    way = WEBHOOKS if quickly else replace(WEBHOOKS, quick_handler=None)

    assert await deliver(acme.service.db, way, *events) == 4
    assert await deliver(acme.service.db, way, *events, pause("暂停")) == 1

    heard = await acme.deliveries(limit=200)
    assert {item["event_id"] for item in heard} >= {str(event.id) for event in events}
    assert (len(heard), len(await acme.deliveries_of(picky))) == (5, 3)
    assert {(item["status"], item["attempt_count"]) for item in heard} == {("pending", 0)}
    assert await acme.owners() == [None] * 8
    logged = (await acme.get("/v1/events"))["items"]
    assert logged[:4] == [json.loads(event.to_bytes()) for event in events]
    assert len(logged) == 5


def hanging(hook):
    """Let the endpoint answer nothing until the returned event is set."""
    release = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    hook.answer = hang
    return release


async def test_new_deliveries_are_claimed_as_they_are_made(acme, hook, work, until, monkeypatch):
    monkeypatch.setattr(WebhookWork, "poll_seconds", 5.0)  # no claim is under way while they are made
    release = hanging(hook)
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: acme.engine, "the engine")
        await acme.happen(pause())
        assert await acme.owners() == [acme.service.runtime.boot_id]
        await acme.happen(*(pause() for _ in range(80)))
        claimed = [owner for owner in await acme.owners() if owner is not None]
        assert len(claimed) == 64, "as many as an endpoint gets that has not answered"
        release.set()
        await until(lambda: succeeded(acme, 81), "all of them", 20)
    assert await acme.owners() == []


async def test_a_delivery_that_was_claimed_and_never_taken_is_given_back(acme, hook, work, until, monkeypatch):
    """As after a commit whose answer was lost: claimed for a process that lives and works on."""
    monkeypatch.setattr(engine, "SWEEP_SECONDS", 0.3)
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: acme.engine, "the engine")
        with monkeypatch.context() as lost:
            lost.setattr(acme.engine, "take", lambda jobs: None)
            await acme.happen(pause())
        assert await acme.owners() == [acme.service.runtime.boot_id]
        acme.service.clock.advance(1)
        await until(lambda: succeeded(acme, 1), "success")
    assert len(hook.calls) == 1


async def test_a_loop_that_stalls_between_the_commit_and_the_taking_sends_nothing_twice(
    acme, hook, work, until, monkeypatch
):
    monkeypatch.setattr(engine, "SWEEP_SECONDS", 0.05)
    fetch = acme.service.db.lanes.fetch

    async def fetch_and_stall(statement, given):
        rows = await fetch(statement, given)
        if "planned_owners" in given:
            acme.service.clock.advance(60)
            time.sleep(0.2)  # noqa: ASYNC251 the whole loop stands still …
            for _ in range(4):  # … and then everybody else comes first: sweeps, claims, calls, their record
                swept = acme.engine._swept_at
                await until(lambda swept=swept: acme.engine._swept_at > swept, "a sweep")
        return rows

    async with work(acme.service, dispatch_webhooks):
        await until(lambda: acme.engine, "the engine")
        monkeypatch.setattr(acme.service.db.lanes, "fetch", fetch_and_stall)
        await acme.happen(*(pause() for _ in range(20)))
        await until(lambda: succeeded(acme, 20), "success")

    assert len(hook.calls) == len({headers["webhook-id"] for headers, _ in hook.calls}) == 20
    assert {item["attempt_count"] for item in await acme.deliveries(limit=200)} == {1}


async def succeeded(acme, count):
    return len(await acme.deliveries(status="succeeded", limit=200)) == count


async def test_batches_for_many_endpoints_take_no_more_than_there_is_room_for(acme, hook, work, until, monkeypatch):
    monkeypatch.setattr(limits, "QUEUE_HELD", 100)
    monkeypatch.setattr(limits, "QUEUE_HELD_KEPT", 20)
    release = hanging(hook)
    for _ in range(3):
        await acme.post("/v1/webhooks", 201, url=hook.url, event_types=["*"])
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: acme.engine, "the engine")
        await asyncio.gather(*(acme.happen(*(pause() for _ in range(30))) for _ in range(2)))

        await until(lambda: acme.engine._memory.taken >= 80, "all that there is room for")
        claimed = sum(owner is not None for owner in await acme.owners())
        assert claimed == acme.engine._memory.taken <= 100
        release.set()


async def test_a_secret_rotated_and_a_url_changed_hold_for_the_next_call(acme, hook, work, until):
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: acme.engine, "the engine")
        await acme.happen(pause())
        await until(lambda: succeeded(acme, 1), "the first")
        secret = (await acme.post(f"/v1/webhooks/{acme.hook['id']}/rotate-secret", 200))["secret"]
        await acme.change(acme.hook, url=f"{hook.url}/new")
        await acme.happen(pause())
        await until(lambda: succeeded(acme, 2), "the second")

    headers, body = hook.calls[-1]
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signatures = headers["webhook-signature"].split()
    assert Webhook(secret).sign(headers["webhook-id"], sent_at, body.decode()) in signatures
    assert len(signatures) == 2, "the old secret's too, in its days of grace"
