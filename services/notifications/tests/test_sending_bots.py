"""Events and alerts on their way to bots that hold us to their protocols."""

import json
import logging
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.sending.timers import dispatch_webhooks
from services.notifications.tests.bots import FORMATS, SECRETS, all_over

MOST = {"feishu": 5, "dingtalk": 20, "wecom": 20}
"""Of a minute, as the bots of these tests have it."""


def pause(name="Spring"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


async def attempts(acme):
    [item] = await acme.deliveries()
    return (await acme.get(f"/v1/deliveries/{item['id']}"))["attempts"]


@pytest.mark.parametrize("format", sorted(SECRETS))
async def test_a_wrong_secret_is_a_failure_in_the_bots_words(acme, told, work, until, format):
    bot = await told(format, secret="an0ther")
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause())
        await until(lambda: attempts(acme), "an attempt")
        [attempt] = await attempts(acme)
        await acme.change(acme.hook, bot_secret=SECRETS[format])
        acme.advance(10)
        await until(lambda: acme.only("succeeded"), "success with the right one")

    status, failure, detail = {
        "feishu": (200, "refused", "19021: sign match fail or timestamp is not within one hour"),
        "dingtalk": (200, "refused", "310000: sign not match"),
        "pagerduty": (400, "http_error", None),
    }[format]
    assert (attempt["status_code"], attempt["failure"], attempt["detail"]) == (status, failure, detail)
    assert attempt["next_attempt_at"] is not None
    assert len(bot.taken) == 1


@pytest.mark.parametrize(("format", "seconds"), [("feishu", 60), ("wecom", 60), ("dingtalk", 600), ("slack", 30)])
async def test_who_gets_too_much_is_left_alone_as_it_says(acme, told, work, until, format, seconds):
    bot = await told(format, most=0)
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause())
        await until(lambda: attempts(acme), "an attempt")
        [attempt] = await attempts(acme)
        bot.most = 1
        acme.advance(seconds * 2)
        await until(lambda: acme.only("succeeded"), "success later")

    wait = datetime.fromisoformat(attempt["next_attempt_at"]) - datetime.fromisoformat(attempt["attempted_at"])
    # Slack's own wish is shorter than the minute that goes without saying
    assert wait >= timedelta(seconds=max(seconds, 60))
    assert attempt["failure"] == "too_fast"


async def test_a_bot_gets_no_more_than_its_makers_allow_unless_its_owner_says(acme, told, work, until):
    bot = await told("dingtalk", most=MOST["dingtalk"], rate_limit=None)
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*(pause() for _ in range(24)))
        for count in range(1, 25):
            await until(lambda count=count: len(bot.taken) >= count, f"call {count}")
            assert len(bot.taken) == count
            acme.advance(3.5)
        await until(lambda: all_over(acme, 24), "the end of them")

    assert bot.refused == []


async def test_what_is_closed_gets_nothing_until_it_opens(acme, hook, told, work, until):
    bot = await told("dingtalk", most=0)
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause())
        await until(lambda: bot.refused, "too much")
        await acme.happen(*(pause() for _ in range(5)))
        await until(lambda: waits_or_is_over(acme, 6), "held back")
        acme.advance(590)
        await acme.happen(pause())
        await until(lambda: waits_or_is_over(acme, 7), "held back")
        assert len(hook.calls) == 1
        bot.most = 1_000
        acme.advance(800)
        await until(lambda: all_over(acme, 7), "the end of them")

    assert len(bot.refused) == 1


@pytest.mark.parametrize("format", sorted(MOST))
async def test_what_is_beyond_a_minutes_worth_is_taken_later(acme, told, work, until, format):
    bot = await told(format, most=MOST[format])
    count = MOST[format] + 5
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*(pause() for _ in range(count)))
        for _ in range(5):
            await until(lambda: waits_or_is_over(acme, count), "all tried")
            acme.advance(800)
        await until(lambda: all_over(acme, count), "the end of them")

    assert len(bot.taken) == count
    assert {item["status"] for item in await acme.deliveries(limit=200)} == {"succeeded"}


async def waits_or_is_over(acme, count):
    items, now = await acme.deliveries(limit=200), acme.service.clock.now().isoformat().replace("+00:00", "Z")
    return len(items) == count and all(item["status"] != "pending" or item["next_attempt_at"] > now for item in items)


@pytest.mark.parametrize("format", FORMATS)
async def test_no_secret_is_written_down(acme, hook, told, work, until, format, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    await told(format, headers={"x-a": "of-the-owner"})
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause())
        item = await until(lambda: acme.only("succeeded"), "success")

    shown = json.dumps(await acme.get(f"/v1/deliveries/{item['id']}"))
    audit = json.dumps(await acme.get("/v1/audit")) + json.dumps(await acme.get("/v1/webhooks"))
    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        kept = str((await session.execute(text("SELECT a::text, d::text FROM delivery_attempt a, delivery d"))).all())
    # but what the receiver itself logs
    logged = capsys.readouterr().out + str([one.getMessage() for one in caplog.records if one.name != "aiohttp.access"])
    secrets = [SECRETS.get(format, "t0ken"), "of-the-owner", *(["t0ken"] if format != "pagerduty" else [])]
    assert "/v1/webhooks" in logged
    for secret in secrets:
        assert secret not in shown + audit + kept + logged
    assert hook.calls[0][0]["x-a"] == "of-the-owner"


@pytest.mark.parametrize("format", FORMATS)
async def test_one_that_is_gone_is_disabled_and_its_address_is_not_told(acme, hook, told, work, until, format):
    await told(format)
    hook.answer = 410
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause())
        await until(lambda: is_disabled(acme), "disabled")

    [event] = [event for event in await acme.service.events() if event.type == "webhook.disabled"]
    assert "t0ken" not in event.data["url"]


async def is_disabled(acme):
    return (await acme.get(f"/v1/webhooks/{acme.hook['id']}"))["status"] == "disabled"
