"""What bots that hold us to their protocols take: every type of event, hostile words, groups of alerts."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.metrics import KpiBreached, KpiRecovered
from opsloop_common.contracts.samples import sample
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.alert_groups import service as groups
from opsloop_notifications.alerts.service import Alert
from opsloop_notifications.sending.timers import dispatch_webhooks
from services.notifications.tests.bots import FORMATS, all_over
from services.notifications.tests.watching import Watch

HOSTILE = "<!channel> <@all> [pay](https://evil.test) \u202e\n# x " + "👨‍👩‍👧支" * 100
INCIDENT = UUID("0198c0de-0000-7000-8000-000000000002")


def pause(name="Spring"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


@pytest.mark.parametrize("format", FORMATS)
async def test_every_type_of_event_is_taken(acme, hook, told, work, until, format):
    bot = await told(format, language="zh")
    events = [sample(kind) for kind in PUBLIC.values()]
    events = [
        event.model_copy(update={"id": uuid4(), "time": datetime(2026, 11, 22, tzinfo=UTC)})
        for event in events
        if not event.type.startswith("webhook.")
    ]
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*events)
        await until(lambda: all_over(acme, len(events)), "the end of them")

    assert {item["status"] for item in await acme.deliveries(limit=200)} == {"succeeded"}
    assert (len(bot.taken), bot.refused) == (len(events), [])
    assert "webhook-signature" not in hook.calls[0][0]
    assert hook.calls[0][0]["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("format", FORMATS)
async def test_hostile_words_are_taken_as_words(acme, told, work, until, format):
    bot = await told(format)
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(pause(HOSTILE), pause("\x01" + "﷽" * 5_000))
        await until(lambda: all_over(acme, 2), "the end of them")

    assert (len(bot.taken), bot.refused) == (2, [])
    assert "\u202e" not in str(bot.taken)


async def test_a_test_is_told_in_the_endpoints_language(acme, told, work, until):
    bot = await told("wecom", language="zh")
    async with work(acme.service, dispatch_webhooks):
        await acme.post(f"/v1/webhooks/{acme.hook['id']}/test")
        await until(lambda: acme.only("succeeded"), "success")
        await acme.change(acme.hook, language="en", about="alerts")
        await acme.post(f"/v1/webhooks/{acme.hook['id']}/test")
        await until(lambda: len(bot.taken) == 2, "the other")

    one, other = [body["markdown"]["content"] for body in bot.taken]
    assert one.startswith("**这是对该端点的测试**")
    assert other.startswith("**Alerts: 1 firing (WebhookTest)**")


async def test_a_pager_hears_the_end_of_what_began(acme, told, work, until):
    bot = await told("pagerduty")
    given = {
        "monitor_id": uuid4(),
        "incident_id": INCIDENT,
        "kpi": "paid",
        "severity": "critical",
        "started_at": datetime.now(UTC),
    }
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(make_event(KpiBreached(**given, value=0.1)))
        await until(lambda: len(bot.taken) == 1, "the begin")
        await acme.happen(make_event(KpiRecovered(**given, ended_at=datetime.now(UTC))))
        await until(lambda: len(bot.taken) == 2, "the end")

    assert [(body["event_action"], body["dedup_key"]) for body in bot.taken] == [
        ("trigger", str(INCIDENT)),
        ("resolve", str(INCIDENT)),
    ]
    assert bot.taken[0]["payload"]["severity"] == "critical"


@pytest.mark.parametrize("format", FORMATS)
async def test_a_group_of_alerts_is_one_message(acme, told, work, until, format):
    bot = await told(format, about="alerts", language="zh")
    watch = Watch(acme.service, acme.key, acme.hook)
    watch.is_reached = False
    names = [f"Down{n}" for n in range(40)]
    await watch.post(
        *({"labels": {"alertname": name, "summary": HOSTILE}, "annotations": {"summary": HOSTILE}} for name in names)
    )
    await watch.pass_by(30)
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: len(bot.taken) >= 40, "all groups")
        async with acme.service.db.transaction(Context(workspace="acme")) as session:
            alerts = list(await session.scalars(select(Alert)))
            [receiver] = await groups.endpoints.alert_receivers(session)
            await groups.deliver(session, receiver, alerts, key="k", labels={}, reason="first notification")
        await until(lambda: len(bot.taken) == 41, "the large one")

    assert bot.refused == []
    assert "告警：40 个触发（" in json.dumps(bot.taken[-1], ensure_ascii=False)
