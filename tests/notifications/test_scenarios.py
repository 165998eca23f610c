"""Scenarios of webhooks by the clock of a test, each with its numbers: which is shown where stands in docs/scenarios-notifications.md."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.notifications import WebhookDisabled, WebhookFailing
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import make_event
from opsloop_common.testing.hooks import hooked
from opsloop_notifications.deliveries.rules import JITTER, WAITS_SECONDS
from opsloop_notifications.pulses import rules
from opsloop_notifications.recoveries.timers import RECOVER
from opsloop_notifications.sending.timers import dispatch_webhooks
from services.notifications.tests.fifo import TWO, names, pause, row

DAY = timedelta(days=1)


def happened(name="n"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


async def tried(acme, number):
    item = await acme.only()
    return item if item["attempt_count"] == number else None


def asked_for(now: datetime, number: int) -> tuple[int, dict[str, str], timedelta]:
    """Return how the endpoint answers attempt `number`, and how long it asks us to wait at least."""
    match number:
        case 1:
            return 503, {"Retry-After": "120"}, timedelta(seconds=120)
        case 2:
            date = format_datetime(now + timedelta(seconds=600), usegmt=True)
            return 429, {"Retry-After": date}, timedelta(seconds=600)
        case 3:
            return 429, {"Retry-After": "999999"}, timedelta(hours=24)
        case 4:
            return 503, {"Retry-After": "1"}, timedelta(0)
        case 5:
            return 500, {"Retry-After": "999999"}, timedelta(0)  # of 429 and 503 alone it is a wish
    return 500, {}, timedelta(0)


@pytest.mark.parametrize("is_asked", [False, True], ids=["by_schedule", "retry_after"])
async def test_4_attempts_come_at_their_times_and_never_earlier_than_asked(acme, hook, work, until, is_asked):
    waits, due_at = [], acme.service.clock.now()
    async with work(acme.service, dispatch_webhooks):
        for number in range(1, len(WAITS_SECONDS) + 2):
            now = acme.service.clock.now()
            hook.answer, hook.headers, least = asked_for(now, number) if is_asked else (500, {}, timedelta(0))
            if number == 1:
                await acme.happen(happened())
            else:
                acme.advance(0)
            item = await until(lambda n=number: tried(acme, n), f"attempt {number}")
            called = int(hook.calls[-1][0]["webhook-timestamp"])
            assert called >= int(due_at.timestamp())
            if item["next_attempt_at"] is None:
                break
            due_at = datetime.fromisoformat(item["next_attempt_at"])
            wait, planned = due_at - now, timedelta(seconds=WAITS_SECONDS[number - 1])
            assert max(planned, least) <= wait <= max(planned * (1 + JITTER), least)
            waits.append(wait.total_seconds())
            acme.advance(wait.total_seconds() - 0.001)  # a moment before it nothing is due
            acme.service.clock.set(due_at)

    assert (item["status"], item["attempt_count"]) == ("failed", len(WAITS_SECONDS) + 1)
    assert len(hook.calls) == len(WAITS_SECONDS) + 1
    assert {headers["webhook-id"] for headers, _ in hook.calls} == {item["event_id"]}
    print(f"4 attempts {len(hook.calls)}, waits in s: {', '.join(f'{wait:.1f}' for wait in waits)}")


async def is_quiet(acme):
    now = acme.service.clock.now()
    waiting = await acme.deliveries(status="pending", limit=200)
    return all(datetime.fromisoformat(item["next_attempt_at"]) > now for item in waiting)


async def is_disabled(acme):
    return (await acme.get(f"/v1/webhooks/{acme.hook['id']}"))["status"] == "disabled"


async def tell_owner(acme):
    """Let what notifications itself says go round, as the bus does."""
    own = [event for event in await acme.service.events() if event.type in (WebhookFailing.type, WebhookDisabled.type)]
    await acme.happen(*own)


async def test_6_what_fails_is_spared_disabled_and_then_recovered(acme, hook, work, until):
    since, count = acme.service.clock.now().isoformat(), 100
    hook.answer = 500
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(hooked())
        await acme.change(acme.hook, event_types=["campaign.*"])
        await acme.post("/v1/webhooks", 201, url=owner.url, event_types=["webhook.*"])
        await stack.enter_async_context(work(acme.service, dispatch_webhooks))
        await acme.happen(*(happened(f"{number:03}") for number in range(count)))
        await until(lambda: is_quiet(acme), "all tried or put off")
        at_first = len(hook.calls)
        assert at_first <= rules.PLACES + rules.PLACES_WHEN_UNWELL
        probes = await probed(acme, hook, until)

        for day in range(1, 6):
            acme.service.clock.advance(DAY)
            before = len(hook.calls)
            await acme.happen(*(happened(f"{100 * day + number:03}") for number in range(2)))
            await until(lambda before=before: len(hook.calls) > before, "a call")
            await until(lambda: is_quiet_or_disabled(acme), "all tried or put off")
            count += 2
        await until(lambda: is_disabled(acme), "disabled by the rule")
        await tell_owner(acme)
        await until(lambda: len(owner.calls) >= 2, "the owner is told elsewhere")
        await acme.happen(*(happened(f"9{number:02}") for number in range(30)))
        count += 30

        hook.answer = 200
        hook.calls.clear()
        acme.service.clock.advance(rules.LONGEST_PAUSE)
        await acme.change(acme.hook, status="enabled")
        pages = await recovered(acme, hook, until, since)

    told = [json.loads(body)["type"] for _, body in owner.calls]
    order = [headers["webhook-id"] for headers, _ in hook.calls]
    assert told == ["webhook.failing", "webhook.disabled"]
    assert order == sorted(set(order)), "each once, in the order of the events"
    assert names(hook) == sorted(names(hook))
    assert len(order) == count
    assert pages[:5] == [1, 2, 4, 8, 16]
    assert max(pages) == 20
    print(f"6 first attempts {at_first}, probes in a minute {probes}, told {told}, recovered {count} by {pages}")


async def probed(acme, hook, until):
    """Return how many calls a minute of the breaker lets through."""
    before = len(hook.calls)
    for _ in range(12):
        acme.advance(5)
        await until(lambda: is_quiet(acme), "all tried or put off")
    return len(hook.calls) - before


async def is_quiet_or_disabled(acme):
    return await is_disabled(acme) or await is_quiet(acme)


async def recovered(acme, hook, until, since):
    """Have the endpoint get what it missed, second by second; returns how many came in each."""
    job = await acme.post(f"/v1/webhooks/{acme.hook['id']}/recover", since=since)
    pages = []
    while (await acme.get(f"/v1/jobs/{job['job_id']}"))["finished_at"] is None:
        before = len(hook.calls)
        await run_due(acme.service.db, [RECOVER])
        acme.advance(0)
        await until(lambda: nothing_waits(acme), "what was queued arrives")
        pages.append(len(hook.calls) - before)
        acme.advance(1)
    return pages


async def nothing_waits(acme):
    return not await acme.deliveries(status="pending")


async def test_6_gone_disables_at_once(acme, hook, work, until):
    hook.answer = 410
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(happened())
        await until(lambda: is_disabled(acme), "disabled")
        await acme.happen(happened())

    assert len(hook.calls) == 1
    assert (await acme.get(f"/v1/webhooks/{acme.hook['id']}"))["disabled_reason"] == "gone"
    print("6 one answer of 410, one call, disabled")


@pytest.mark.parametrize("way", ["skip", "park"])
async def test_7_a_stream_waits_for_its_third_and_others_flow(acme, hook, fifo, work, way):
    fifo.refused = {"3"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(8))
        for number in range(1, 5):
            await fifo.until(lambda n=number: names(hook).count("3") == n, f"{number} tries")
            await fifo.until(lambda n=number: has_tried(fifo, n), "recorded")
            other = uuid4()
            await acme.happen(pause(f"other {number}", 1, other), pause(f"another {number}", 2, other))
            await fifo.until(lambda n=number: f"another {n}" in names(hook), "another stream flows")
            if number < 4:
                acme.advance(WAITS_SECONDS[number - 1] * (1 + JITTER))
        waited = await fifo.line()
        stood = [name for name in names(hook) if name.isdigit()]
        if way == "park":
            await fifo.act("park")
            parked = await fifo.line()
            assert (parked["status"], parked["waiting"]) == ("parked", 6)
            await acme.happen(pause("beside", 1, TWO))
            await fifo.until(lambda: "beside" in names(hook), "others flow past what is parked")
        await fifo.act("park" if way == "skip" else "skip", expected=204)
        if way == "skip":
            await fifo.act("skip")
        await fifo.until(fifo.is_over, "the rest")

    assert stood == ["1", "2", "3", "3", "3", "3"]
    assert waited["waiting"] == 6
    assert [name for name in names(hook) if name.isdigit()][6:] == ["4", "5", "6", "7", "8"]
    for number in range(1, 5):
        assert names(hook).index(f"other {number}") < names(hook).index(f"another {number}")
    print(f"7 {way}: the third tried 4 times, 5 waited behind it in order, 8 of other streams passed")


async def has_tried(fifo, times):
    return (await fifo.delivery("3"))["attempt_count"] == times
