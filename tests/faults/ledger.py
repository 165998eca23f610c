"""The ledger: what was accepted, what was emitted for it, what each consumer applied, what the receiver got."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.harness import Deployment, eventually

TEXTS = [
    "支付失败，订单丢失",
    "The app crashes at start",
    "希望支持导出报表",
    "Great release, thank you",
    "怎么修改密码？",
]
PATIENCE_SECONDS = 90.0


@dataclass
class Ledger:
    """Ids of accepted posts, and how often an answer had to be asked for again."""

    accepted: set[str] = field(default_factory=set)
    repeats: int = 0

    async def reaches(self, count: int) -> None:
        """Wait until so many posts are accepted: what comes next comes in the middle of the others."""

        async def reached() -> bool:
            return len(self.accepted) >= count

        await eventually(reached, within=PATIENCE_SECONDS, every=0.01, what=f"{count} posts accepted")


async def post_until_accepted(client: httpx.AsyncClient, ledger: Ledger, number: int) -> None:
    """Post one item as a careful partner does: the same key again until a 2xx came back."""
    key = uuid4().hex
    body = {
        "body": f"{TEXTS[number % len(TEXTS)]} #{number}",
        "channel": "api",
        "external_id": key,
        "author": {"user_id": f"u{number % 10}"},
    }
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                answer = await client.post("/v1/feedback", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code in (200, 201):
                ledger.accepted.add(answer.json()["id"])
                return
            assert answer is None or answer.status_code in (409, 429, 500, 503), answer.text
            ledger.repeats += 1
            await asyncio.sleep(0.1 + random.random() * 0.2)


async def post_many(client: httpx.AsyncClient, ledger: Ledger, count: int, *, at_once: int = 8) -> None:
    """Post `count` items, `at_once` in flight."""
    slots = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with slots:
            await post_until_accepted(client, ledger, number)

    await asyncio.gather(*(one(number) for number in range(count)))


async def listen_to_everything(deployment: Deployment, url: str) -> None:
    """Subscribe the receiver to every feedback.received."""
    client = deployment.client("notifications")
    answer = await client.post("/v1/webhooks", json={"url": url, "event_types": ["feedback.received"]})
    assert answer.status_code == 201, answer.text


async def settle_and_check(deployment: Deployment, ledger: Ledger, receiver, *, within: float = 60.0) -> str:
    """Wait until everything accepted was applied and delivered, then compare every column of the ledger; return its totals."""
    expected = len(ledger.accepted)
    received = "type = 'feedback.received'"

    async def counts() -> dict[str, int]:
        async def one(service: str, sql: str) -> int:
            return int((await deployment.fetch(service, sql))[0][0])

        return {
            "posts": await one("feedback", "SELECT count(*) FROM feedback"),
            "emitted": await one("feedback", f"SELECT count(*) FROM outbox WHERE {received}"),
            "published": await one(
                "feedback", f"SELECT count(*) FROM outbox WHERE {received} AND published_at IS NOT NULL"
            ),
            "measured": await one("metrics", f"SELECT count(*) FROM domain_event WHERE {received}"),
            "logged": await one("notifications", f"SELECT count(*) FROM event_log WHERE {received}"),
            "delivered": await one("notifications", "SELECT count(*) FROM delivery WHERE status = 'succeeded'"),
            "received": len({call.headers["webhook-id"] for call in receiver.requests}),
        }

    async def settled() -> dict[str, int] | None:
        seen = await counts()
        return seen if all(count >= expected for count in seen.values()) else None

    try:
        seen = await eventually(settled, within=within, every=0.5, what=f"{expected} posts through the whole loop")
    except AssertionError as error:
        raise AssertionError(f"{error}; counts: {await counts()}") from None
    assert set(seen.values()) == {expected}, f"accepted {expected}, but {seen}"
    await _check_ids(deployment, ledger, receiver)
    calls = len(receiver.requests)
    return f"accepted {expected} (asked again {ledger.repeats}), {seen}, webhook calls {calls} ({calls - expected} repeats)"


async def _check_ids(deployment: Deployment, ledger: Ledger, receiver) -> None:
    posts = {str(row[0]) for row in await deployment.fetch("feedback", "SELECT id FROM feedback")}
    assert posts == ledger.accepted
    emitted = await deployment.fetch(
        "feedback", "SELECT event_id, payload FROM outbox WHERE type = 'feedback.received'"
    )
    assert {json.loads(row["payload"])["data"]["feedback_id"] for row in emitted} == ledger.accepted
    ids = {str(row["event_id"]) for row in emitted}
    measured = await deployment.fetch("metrics", "SELECT event_id FROM domain_event WHERE type = 'feedback.received'")
    assert {str(row[0]) for row in measured} == ids
    bodies: dict[str, bytes] = {}
    for call in receiver.requests:
        name = call.headers["webhook-id"]
        assert bodies.setdefault(name, call.body) == call.body, "a repeated webhook said something else"
    assert set(bodies) == ids
    for service in ("feedback", "metrics", "campaigns", "notifications"):
        gaps = await deployment.fetch(
            service, "SELECT stream FROM outbox GROUP BY stream HAVING count(*) <> max(seq) OR min(seq) <> 1"
        )
        assert gaps == [], f"{service} has streams with gaps"
        parked = await deployment.fetch(service, "SELECT consumer, reason FROM parked_event")
        assert parked == [], f"{service} parked {parked}"
