"""The story: a quiet week, an evening when payments fail, what OpsLoop does about it, calm again, how the app grows, what comes of it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx

from opsloop.demo import week
from opsloop.demo.aims import aims
from opsloop.demo.growth import growth
from opsloop.demo.mailbox import Mailbox
from opsloop.demo.narrator import Narrator
from opsloop.demo.receiver import Receiver, is_signed
from opsloop.demo.shop import Disappointed, Shop, send, until

WINDOW_SECONDS = 12
SEED = 2026


async def tell(shop: Shop, receiver: Receiver, mailbox: Mailbox | None, say: Narrator) -> None:
    """Play the whole story in the shop's workspace; raises Disappointed when the loop does not close."""
    rng = random.Random(SEED)
    say(f"A workspace of its own for this story: {shop.workspace}")
    await quiet_week(shop, rng, say)
    secret = await set_up(shop, receiver, say)
    breach = await outage(shop, receiver, secret, rng, say)
    await launched(shop, breach, mailbox, say)
    await calm(shop, receiver, secret, breach, rng, say)
    await growth(shop, random.Random(SEED), say)
    await aims(shop, say)


async def quiet_week(shop: Shop, rng: random.Random, say: Narrator) -> None:
    """Import a week of feedback and a week of a reported KPI."""
    now = datetime.now(UTC)
    posts = week.everyday(now, rng)
    answer = await send(shop.feedback, "POST", "/v1/feedback:batch", {"items": posts})
    landed = Counter(item["status"] for item in answer["items"])
    say(f"A quiet week: {landed['created']} posts in Chinese and English imported in one request.")
    recent = (await send(shop.feedback, "GET", "/v1/feedback?limit=200"))["items"]
    severities = Counter(item["severity"] for item in recent)
    kinds = Counter(item["kind"] for item in recent)
    say.more(f"sorted by rules, of the last {len(recent)}: {_counts(kinds)}; severities {_counts(severities)}")
    kpi = {"key": "payment_success", "name": "Payments that go through", "unit": "ratio", "direction": "up"}
    await send(shop.metrics, "POST", "/v1/kpis", kpi | {"target": 0.98, "measure": {"type": "reported"}})
    for at, value in week.payment_success(now, rng):
        await send(shop.metrics, "POST", "/v1/kpis/payment_success/values", {"value": value, "at": at.isoformat()})
    values = (await send(shop.metrics, "GET", "/v1/kpis/payment_success/values"))["items"]
    shares = [f"{item['value']:.1%}" for item in reversed(values)]
    say.more(f"KPI payment_success, a value a day: {' '.join(shares)}")


async def set_up(shop: Shop, receiver: Receiver, say: Narrator) -> str:
    """Say what to watch, what to do about it and whom to tell; returns the webhook's secret."""
    severe = {"field": "data.severity", "op": "in", "value": ["s1", "s2"]}
    measure = {"type": "events", "event": "feedback.received", "aggregate": "share", "where": [severe]}
    kpi = {"key": "severe_share", "name": "Share of severe feedback", "direction": "down", "measure": measure}
    await send(shop.metrics, "POST", "/v1/kpis", kpi)
    monitor = {
        "condition": {"type": "threshold", "operator": "ge", "value": 0.5},
        "window": f"PT{WINDOW_SECONDS}S",
        "min_count": 10,
        "severity": "critical",
    }
    await send(shop.metrics, "POST", "/v1/kpis/severe_share/monitors", monitor)
    say(f"Watch: severe_share, breached when half of the last {WINDOW_SECONDS} s' feedback is s1 or s2.")
    hook = {"url": receiver.url, "event_types": ["kpi.breached", "kpi.recovered"]}
    secret: str = (await send(shop.notifications, "POST", "/v1/webhooks", hook))["secret"]
    for user, (address, locale) in week.CUSTOMERS.items():
        if address:
            recipient = {"email": address, "locale": locale}
            await send(shop.notifications, "PUT", f"/v1/recipients/{user}", recipient)
    await send(shop.campaigns, "POST", "/v1/playbooks", _playbook())
    say(
        "Act: a playbook mails the customers when it breaches, in their language. Tell: a signed webhook to the alerting hook."
    )
    return secret


def _playbook() -> dict[str, Any]:
    return {
        "name": "Payments are failing",
        "on": "kpi.breached",
        "when": [{"field": "data.kpi", "op": "eq", "value": "severe_share"}],
        "cooldown": "PT1H",
        "requires_approval": False,
        "launch": {
            "name": "We are mending payments",
            "audience": {"user_ids": list(week.CUSTOMERS)},
            "messages": [
                {
                    "channel": "email",
                    "locale": "en",
                    "subject": "We are mending payments",
                    "body": "Nothing is charged twice.",
                },
                {"channel": "email", "locale": "zh-CN", "subject": "支付问题正在修复", "body": "不会重复扣款。"},
            ],
        },
    }


async def outage(shop: Shop, receiver: Receiver, secret: str, rng: random.Random, say: Narrator) -> dict[str, Any]:
    """Let the complaints in and wait for the signed webhook; returns the breach's event."""
    posts = week.storm(week.OUTAGE, "outage", week.OUTAGE_ITEMS, datetime.now(UTC), rng)
    say(f"In the evening payments fail. {len(posts)} complaints come in, for example:")
    began = say.seconds
    answers = await asyncio.gather(*[send(shop.feedback, "POST", "/v1/feedback", post) for post in posts])
    for item in answers[:2]:
        say.more(f"#{item['number']} {item['severity']} {item['sentiment']:+.2f}  {item['body']}")
    breach = await _webhook(receiver, secret, "kpi.breached", say)
    facts = breach["data"]
    say.more(f"severe_share {facts['value']:.2f} ≥ {facts['threshold']:.2f}, incident {facts['incident_id']}")
    say.more(f"{say.seconds - began:.1f} s from the first complaint to the verified alert")
    return breach


async def _webhook(receiver: Receiver, secret: str, type: str, say: Narrator) -> dict[str, Any]:
    async def arrived() -> Any:
        return next((call for call in receiver.calls if call.event["type"] == type), None)

    call = await until(arrived, f"the webhook {type}")
    if not is_signed(call.headers, call.body, secret):
        raise Disappointed(f"the signature of {call.headers['webhook-id']} is not good")
    say(f"Webhook {type} at the alerting hook, signature verified (webhook-id {call.headers['webhook-id']}).")
    event: dict[str, Any] = call.event
    return event


async def launched(shop: Shop, breach: dict[str, Any], mailbox: Mailbox | None, say: Narrator) -> None:
    """Wait for the campaign that the breach launched, and for what became of its messages."""

    async def finished() -> dict[str, Any] | None:
        items = (await send(shop.campaigns, "GET", "/v1/campaigns"))["items"]
        return next((item for item in items if item["status"] == "finished"), None)

    campaign = await until(finished, "the campaign finished")
    if campaign["trigger"]["event_id"] != breach["id"]:
        raise Disappointed("the campaign was not launched by the breach")
    say(f"Campaign “{campaign['name']}” launched by that event and finished ({campaign['id']}).")
    people = (await send(shop.campaigns, "GET", f"/v1/campaigns/{campaign['id']}/recipients"))["items"]
    for person in sorted(people, key=lambda row: str(row["user_id"])):
        say.more(f"{person['user_id']:<8} {person['status']}" + (f" ({person['reason']})" if person["reason"] else ""))
    for mail in mailbox.mails if mailbox else ():
        say.more(f"mail to {', '.join(mail.recipients)}: {mail.subject}")
    if mailbox is None:
        say.more("to see mail, give that OpsLoop a server: OPSLOOP_SMTP_URL=smtp://127.0.0.1:1025")


async def calm(
    shop: Shop, receiver: Receiver, secret: str, breach: dict[str, Any], rng: random.Random, say: Narrator
) -> None:
    """Mended: mild feedback comes, the window moves on, the incident ends."""
    posts = week.storm(week.MENDED, "mended", week.CALM_ITEMS, datetime.now(UTC), rng)
    await asyncio.gather(*[send(shop.feedback, "POST", "/v1/feedback", post) for post in posts])
    say(f"Mended. {len(posts)} friendly posts; now the complaints leave the window of {WINDOW_SECONDS} s.")
    recovered = await _webhook(receiver, secret, "kpi.recovered", say)
    if recovered["data"]["incident_id"] != breach["data"]["incident_id"]:
        raise Disappointed("another incident recovered")
    seen = Counter(event["type"] for event in await _all_events(shop.notifications))
    say(f"All of it as events, to poll or to receive: {_counts(seen)}")


async def _all_events(notifications: httpx.AsyncClient) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    query = "?limit=200"
    while True:
        page = await send(notifications, "GET", f"/v1/events{query}")
        events += page["items"]
        if not page["next_cursor"] or not page["items"]:
            return events
        query = f"?limit=200&cursor={page['next_cursor']}"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counter.most_common())
