"""What an endpoint missed is delivered again: in order, each once, and no faster than it takes it."""

import asyncio
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from aiohttp import web

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import make_event
from opsloop_notifications.recoveries import rules
from opsloop_notifications.recoveries.rules import Pace
from opsloop_notifications.recoveries.timers import RECOVER
from opsloop_notifications.retention.timers import FORGET_OLD
from opsloop_notifications.sending.timers import dispatch_webhooks

SECOND = timedelta(seconds=1)
ABORT = {"webhook-delivery": "abort-message"}


def pause(name="n"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


def names(hook):
    """Return what the endpoint was called for, in order."""
    return [json.loads(body)["data"]["name"] for _, body in hook.calls]


class Recovery:
    """A job of an endpoint, run by hand, second by second."""

    def __init__(self, acme, until):
        self.acme, self.until = acme, until
        self.since = acme.service.clock.now().isoformat()
        self.path, self.job_id = f"/v1/webhooks/{acme.hook['id']}", ""

    async def disabled(self, *events):
        """Let events happen while the endpoint is disabled."""
        await self.acme.change(self.acme.hook, status="disabled")
        for event in events:
            await self.acme.happen(event)
        await self.acme.change(self.acme.hook, status="enabled")

    async def start(self, way="recover"):
        self.job_id = (await self.acme.post(f"{self.path}/{way}", since=self.since))["job_id"]

    async def job(self):
        return await self.acme.get(f"/v1/jobs/{self.job_id}")

    async def step(self):
        """Run the job's next step, and wait until what it queued was tried."""
        await run_due(self.acme.service.db, [RECOVER])
        self.acme.advance(0)
        await self.until(self.is_tried, "tried")
        self.acme.advance(1)

    async def is_tried(self):
        waiting = await self.acme.deliveries(status="pending", limit=200)
        return all(item["attempt_count"] for item in waiting)

    async def run(self):
        """Run the job to its end; returns it."""
        for _ in range(100):
            await self.step()
            if (job := await self.job())["finished_at"] is not None:
                return job
        raise AssertionError(await self.job())


@pytest.fixture
def recovery(acme, until):
    return Recovery(acme, until)


@pytest.mark.parametrize(
    ("pace", "is_failing", "next"),
    [
        (Pace(), False, Pace(2)),
        (Pace(16), False, Pace(20)),
        (Pace(20), False, Pace(20)),
        (Pace(20), True, Pace(1, 2 * SECOND)),
        (Pace(1, 2 * SECOND), True, Pace(1, 4 * SECOND)),
        (Pace(1, 256 * SECOND), True, Pace(1, 300 * SECOND)),
        (Pace(1, 300 * SECOND), True, Pace(1, 300 * SECOND)),
        (Pace(1, 300 * SECOND), False, Pace(2)),
    ],
)
def test_the_pace(pace, is_failing, next):
    assert rules.next_pace(pace, is_failing=is_failing, per_second=20) == next


async def test_what_failed_was_cancelled_or_missed_comes_once_in_the_order_of_the_events(acme, hook, work, recovery):
    hook.answer, hook.headers = 400, ABORT
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause("failed"))
        await recovery.until(lambda: acme.only("failed"), "failed")
    await acme.happen(pause("cancelled"))
    await recovery.disabled(pause("missed"))
    hook.answer, hook.headers = 200, {}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause("arrived"))
        await recovery.until(lambda: len(hook.calls) == 2, "arrived")
        hook.calls.clear()

        await recovery.start()
        queued = await recovery.job()
        ended = await recovery.run()

    assert names(hook) == ["failed", "cancelled", "missed"]
    assert (queued["status"], ended["status"]) == ("queued", "succeeded")
    assert (ended["done"], ended["result"]) == (3, {"queued": 3, "stopped": None})
    assert {item["status"] for item in await acme.deliveries()} == {"succeeded"}


async def test_it_begins_slowly_and_never_is_faster_than_so_many_a_second(acme, hook, work, recovery):
    expected = [str(number) for number in range(60)]
    await recovery.disabled(*(pause(name) for name in expected))
    await recovery.start()
    pages = []
    async with work(acme.service, dispatch_webhooks):
        while (await recovery.job())["finished_at"] is None:
            before = len(hook.calls)
            await recovery.step()
            pages.append(len(hook.calls) - before)

    assert names(hook) == expected
    assert pages == [1, 2, 4, 8, 16, 20, 9, 0]


async def test_one_call_ends_before_the_next_begins(acme, hook, work, recovery):
    at_once, most = 0, 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return web.Response()

    hook.answer = answer
    await recovery.disabled(*(pause() for _ in range(20)))
    await recovery.start()
    async with work(acme.service, dispatch_webhooks):
        await recovery.run()

    assert (len(hook.calls), most) == (20, 1)


async def test_an_endpoint_that_fails_is_asked_ever_more_seldom_and_then_gets_all(acme, hook, work, recovery):
    expected = [str(number) for number in range(30)]
    await recovery.disabled(*(pause(name) for name in expected))
    hook.answer = 500
    await recovery.start()
    async with work(acme.service, dispatch_webhooks):
        for _ in range(60):
            await recovery.step()
        while_it_failed = set(names(hook))
        hook.answer = 200
        acme.advance(300)
        await recovery.until(lambda: is_healed(acme), "a success")
        await recovery.run()
        for _ in range(4):
            acme.advance(3600)
            await recovery.until(recovery.is_tried, "tried")
        await recovery.until(lambda: all_arrived(acme), "all")

    assert while_it_failed == set(expected[:6]), "at 0, 1, 3, 7, 15, 31 s"
    assert set(names(hook)) == set(expected)


async def is_healed(acme):
    return (await acme.get(f"/v1/webhooks/{acme.hook['id']}"))["failing_since"] is None


async def all_arrived(acme):
    return {item["status"] for item in await acme.deliveries(limit=200)} == {"succeeded"}


async def test_one_event_that_is_refused_does_not_hold_up_the_others(acme, hook, work, recovery):
    async def answer(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        return web.Response(status=422 if body["data"]["name"] == "1" else 200)

    hook.answer = answer
    expected = [str(number) for number in range(10)]
    await recovery.disabled(*(pause(name) for name in expected))
    await recovery.start()
    async with work(acme.service, dispatch_webhooks):
        await recovery.run()

    assert [name for name in dict.fromkeys(names(hook)) if name != "1"] == [name for name in expected if name != "1"]
    (refused,) = await acme.deliveries(status="pending")
    assert refused["attempt_count"] > 0


async def test_nothing_is_queued_while_the_last_is_not_tried(acme, recovery):
    await recovery.disabled(pause(), pause(), pause())
    await recovery.start()
    for _ in range(5):
        await run_due(acme.service.db, [RECOVER])
        acme.advance(1)

    assert len(await acme.deliveries(status="pending")) == 1
    assert (await recovery.job())["done"] == 1


async def test_what_is_new_goes_first(acme, hook, work, recovery):
    await recovery.disabled(*(pause(f"old {number}") for number in range(3)))
    await recovery.start()
    async with work(acme.service, dispatch_webhooks):
        await recovery.step()
        await recovery.step()
    await run_due(acme.service.db, [RECOVER])
    await acme.happen(pause("new"))
    hook.calls.clear()
    async with work(acme.service, dispatch_webhooks):
        await recovery.run()

    assert "new" in names(hook)[:1]


async def test_replay_missing_leaves_alone_what_was_tried_or_is_not_covered(acme, hook, work, recovery):
    hook.answer, hook.headers = 400, ABORT
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause("tried"))
        await recovery.until(lambda: acme.only("failed"), "failed")
    await acme.happen(pause("never called"))
    await recovery.disabled(pause("missed"), pause("not covered"))
    terms = [{"field": "data.name", "op": "ne", "value": "not covered"}]
    await acme.change(acme.hook, filter=terms)
    hook.answer, hook.headers = 200, {}
    hook.calls.clear()
    await recovery.start("replay-missing")
    async with work(acme.service, dispatch_webhooks):
        ended = await recovery.run()

    assert names(hook) == ["never called", "missed"]
    assert ended["result"] == {"queued": 2, "stopped": None}


async def test_tests_of_the_endpoint_are_not_sent_again(acme, hook, work, recovery):
    hook.answer, hook.headers = 400, ABORT
    async with work(acme.service, dispatch_webhooks):
        await acme.post(f"{recovery.path}/test")
        await recovery.until(lambda: acme.only("failed"), "failed")
    await recovery.start()

    assert await run_due(acme.service.db, [RECOVER]) == 1

    assert (await recovery.job())["result"] == {"queued": 0, "stopped": None}
    assert await acme.only("failed")


async def test_many_events_that_nobody_wants_are_passed_without_a_pause(acme, recovery):
    await acme.change(acme.hook, event_types=["kpi.breached"])
    await acme.happen(*(pause() for _ in range(120)))
    await recovery.start()

    assert await run_due(acme.service.db, [RECOVER]) == 1

    assert (await recovery.job())["status"] == "succeeded"


@pytest.mark.parametrize("why", ["disabled", "deleted", "told of alerts"])
async def test_it_ends_with_its_endpoint(acme, recovery, why):
    await recovery.disabled(pause(), pause())
    await recovery.start()
    await run_due(acme.service.db, [RECOVER])
    if why == "disabled":
        await acme.change(acme.hook, status="disabled")
    elif why == "told of alerts":
        await acme.change(acme.hook, format="slack", about="alerts")
    else:
        answer = await acme.service.client.delete(recovery.path, headers=acme.key)
        assert answer.status_code == 204
    acme.advance(1)
    await run_due(acme.service.db, [RECOVER])

    job = await recovery.job()
    assert (job["status"], job["result"]) == ("succeeded", {"queued": 1, "stopped": why})


async def test_it_is_stopped(acme, hook, work, recovery):
    await recovery.disabled(*(pause(str(number)) for number in range(10)))
    await recovery.start()
    async with work(acme.service, dispatch_webhooks):
        await recovery.step()
        await recovery.step()
        url = f"{recovery.path}/recoveries/{recovery.job_id}/stop"
        answers = [(await acme.service.client.post(url, headers=acme.key)).status_code for _ in range(2)]
        await recovery.step()

    assert answers == [204, 204]
    assert names(hook) == ["0", "1", "2"]
    assert (await recovery.job())["status"] == "cancelled"
    stopped = [
        entry for entry in (await acme.get("/v1/audit"))["items"] if entry["action"] == "webhook.recovery_stopped"
    ]
    assert [entry["after"] for entry in stopped] == [{"job_id": recovery.job_id}]


async def test_only_recoveries_of_the_endpoint_are_stopped(acme, recovery):
    other = await acme.post("/v1/webhooks", 201, url=acme.hook["url"])
    await recovery.start()

    for url in (f"/v1/webhooks/{other['id']}/recoveries/{recovery.job_id}", f"{recovery.path}/recoveries/{uuid4()}"):
        answer = await acme.service.client.post(f"{url}/stop", headers=acme.key)
        assert answer.status_code == 404

    assert (await recovery.job())["status"] == "queued"


@pytest.mark.parametrize("way", ["recover", "replay-missing"])
@pytest.mark.parametrize(
    "change", [{"status": "disabled"}, {"format": "alertmanager"}, {"format": "slack", "about": "alerts"}]
)
async def test_an_endpoint_that_gets_no_events_is_delivered_none_again(acme, recovery, way, change):
    await acme.change(acme.hook, **change)

    answer = await acme.service.client.post(f"{recovery.path}/{way}", json={"since": recovery.since}, headers=acme.key)

    assert answer.status_code == 409


async def test_it_leaves_alone_what_has_no_document_any_more(acme, recovery):
    day = 86_400
    await acme.happen(pause())
    acme.advance(5 * day)
    await recovery.disabled(pause())
    acme.advance(26 * day)
    assert await run_recurring(acme.service.db, [FORGET_OLD])

    await recovery.start()
    assert await run_due(acme.service.db, [RECOVER]) == 1

    assert [item["status"] for item in await acme.deliveries()] == ["pending", "cancelled"]
