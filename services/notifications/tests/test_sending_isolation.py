"""What an endpoint takes: its rate, pauses while it fails, and first attempts that do not wait for repeated ones."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

from aiohttp import web

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.testing.events import make_event
from opsloop_notifications.pulses import rules
from opsloop_notifications.sending.timers import dispatch_webhooks


def pause(name="n"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


def names(hook):
    return [json.loads(body)["data"]["name"] for _, body in hook.calls]


async def attempts_are(acme, count):
    return sum(item["attempt_count"] for item in await acme.deliveries(limit=200)) == count


async def succeeded(acme, count):
    return len(await acme.deliveries(status="succeeded", limit=200)) == count


async def test_first_attempts_for_an_endpoint_that_fails_are_held_back_a_minute_at_most(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        for _ in range(3):
            await acme.happen(*(pause() for _ in range(60)))
        await until(lambda: quiet(acme), "all tried or put off", 20)
        at_first = len(firsts(hook))
        made_at = acme.service.clock.now()
        untried = [item for item in await acme.deliveries(limit=200) if not item["attempt_count"]]
        acme.advance(61)
        await until(lambda: quiet(acme), "all tried or put off", 20)

    assert at_first <= rules.PLACES + rules.PLACES_WHEN_UNWELL, "those that were under way when the first answers came"
    assert len(untried) == 180 - at_first, "and no try was counted that was not made"
    latest = max(datetime.fromisoformat(item["next_attempt_at"]) for item in untried)
    assert latest - made_at <= rules.LONGEST_PAUSE
    assert len(firsts(hook)) == 180


async def test_repeated_attempts_keep_their_times_while_first_ones_are_held_back(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*(pause() for _ in range(20)))
        await until(lambda: quiet(acme), "all tried", 20)
        for count in range(2, 7):
            (latest,) = {max(item["next_attempt_at"] for item in await acme.deliveries(limit=200))}
            acme.service.clock.set(datetime.fromisoformat(latest))
            await acme.happen(pause("new"))
            await until(lambda: quiet(acme), "all tried or put off", 20)
            old = [item for item in await acme.deliveries(limit=200) if item["attempt_count"] >= count]
            assert len(old) >= 20, f"attempt {count}"


def firsts(hook):
    return {headers["webhook-id"] for headers, _ in hook.calls}


async def test_the_first_repeated_attempt_that_succeeds_lets_the_others_go(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*(pause("old") for _ in range(20)))
        await until(lambda: quiet(acme), "all tried", 20)
        await acme.happen(*(pause("new") for _ in range(20)))
        await until(lambda: quiet(acme), "put off", 20)
        assert "new" not in names(hook)
        hook.answer = 200
        acme.advance(6)  # the pause is over, and some repeated attempts are due
        await until(lambda: quiet(acme), "tried or put off", 20)
        acme.advance(1)
        await until(lambda: succeeded(acme, 40), "all", 20)


async def test_what_somebody_tries_goes_at_once(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*(pause() for _ in range(60)))
        await acme.happen(*(pause() for _ in range(20)))
        await until(lambda: quiet(acme), "all tried or put off", 20)
        hook.answer = 200
        await acme.post(f"/v1/webhooks/{acme.hook['id']}/test")
        await until(lambda: succeeded(acme, 1), "the test", 20)


async def test_an_endpoint_that_names_a_time_gets_nothing_until_then(acme, hook, work, until):
    hook.answer, hook.headers = 429, {"Retry-After": "3"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause("refused"))
        await until(lambda: quiet(acme), "tried", 20)
        hook.answer, hook.headers = 200, {}
        await acme.happen(pause("new"))
        await until(lambda: quiet(acme), "put off", 20)
        assert names(hook) == ["refused"]
        acme.advance(3)
        await until(lambda: "new" in names(hook), "the new one", 20)


async def quiet(acme):
    now = acme.service.clock.now()
    waiting = await acme.deliveries(status="pending", limit=200)
    return all(datetime.fromisoformat(item["next_attempt_at"]) > now for item in waiting) and not any(
        await acme.owners()
    )


async def test_the_others_do_not_notice(acme, hook, work, until):
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=500 if request.path.endswith("/broken") else 200)

    hook.answer = answer
    await acme.post("/v1/webhooks", 201, url=hook.url + "/broken")
    async with work(acme.service, dispatch_webhooks):
        for _ in range(3):
            await acme.happen(*(pause() for _ in range(60)))
        await until(lambda: succeeded(acme, 180), "180 at the one that works", 20)


async def test_what_is_held_back_hears_that_the_endpoint_moved(acme, hook, work, until):
    hook.answer = 500
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*(pause() for _ in range(60)))
        await acme.happen(*(pause() for _ in range(60)))
        await until(lambda: quiet(acme), "all tried or put off", 20)
        hook.answer = 200
        hook.calls.clear()
        await acme.change(acme.hook, url=hook.url + "?moved")
        acme.advance(6)
        await until(lambda: hook.calls, "a call")
        for _ in range(20):
            acme.advance(60)
            await until(lambda: quiet(acme), "all tried or put off", 20)

    assert await succeeded(acme, 120)


async def test_a_rate_is_kept(acme, hook, work, until):
    await acme.change(acme.hook, rate_limit=20)
    times = []

    async def answer(request: web.Request) -> web.Response:
        times.append(asyncio.get_running_loop().time())
        return web.Response()

    hook.answer = answer
    acme.service.clock.set(datetime.now(UTC))
    async with work(acme.service, dispatch_webhooks, ticking):
        begun = asyncio.get_running_loop().time()
        await acme.happen(*(pause() for _ in range(30)))
        await until(lambda: succeeded(acme, 30), "all of them", 20)

    assert times[-1] - begun >= 27 / 20, "30 calls, of which two may come at once"


async def ticking(runtime):
    """Let the clock of the tests go as the real one does."""
    while True:
        runtime.clock.set(datetime.now(UTC))
        await asyncio.sleep(0.002)  # a tick of the clock, until the test ends


async def test_of_an_endpoint_with_a_rate_little_is_in_memory(acme, hook, work, until):
    await acme.change(acme.hook, rate_limit=2)
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: acme.engine, "the engine")
        await acme.happen(*(pause() for _ in range(50)))
        claimed = [owner for owner in await acme.owners() if owner is not None]

    assert len(claimed) <= 4


async def test_first_attempts_do_not_wait_for_repeated_ones(acme, hook, work, until):
    release = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if json.loads(await request.read())["data"]["name"] == "old":
            if not failing:
                await release.wait()
            return web.Response(status=500 if failing else 200)
        return web.Response()

    hook.answer, failing = answer, True
    async with work(acme.service, dispatch_webhooks):
        for _ in range(3):  # between them a success, so that the endpoint is no failing one
            await acme.happen(*(pause("old") for _ in range(8)), pause("new"))
            await until(lambda: quiet(acme), "tried", 20)
        failing = False
        acme.advance(40)  # the repeated ones are due, and hang
        await until(lambda: names(hook).count("old") >= 24 + rules.PLACES_OF_RETRIES, "they are under way")
        await acme.happen(pause("newest"))
        await until(lambda: "newest" in names(hook), "the new one")
        again = names(hook).count("old") - 24
        release.set()
        await until(lambda: succeeded(acme, 28), "all", 20)

    assert again == rules.PLACES_OF_RETRIES
