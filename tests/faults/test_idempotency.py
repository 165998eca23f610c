"""One Idempotency-Key, fifty requests at once, and a kill -9 in the middle: one row, one event."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
import pytest

from tests.harness import Deployment, eventually

pytestmark = pytest.mark.slow

BODY = {"body": "支付失败，重复扣款", "channel": "api", "author": {"user_id": "u1"}}


async def _post(client: httpx.AsyncClient, key: str) -> httpx.Response | None:
    try:
        return await client.post("/v1/feedback", json=BODY, headers={"Idempotency-Key": key})
    except httpx.TransportError:
        return None


async def _counts(deployment: Deployment) -> tuple[int, int]:
    posts = await deployment.fetch("feedback", "SELECT count(*) FROM feedback")
    events = await deployment.fetch("feedback", "SELECT count(*) FROM outbox WHERE type = 'feedback.received'")
    return posts[0][0], events[0][0]


@pytest.mark.timeout(240)
async def test_one_effect_however_often_and_through_a_kill(embedded_deployment: Deployment):
    client = embedded_deployment.client("feedback")
    process = embedded_deployment.processes["opsloop"]
    key = uuid4().hex

    first_storm = asyncio.gather(*(_post(client, key) for _ in range(50)))
    await asyncio.sleep(0.05)  # in the middle of the storm
    process.kill9()
    before = [answer for answer in await first_storm if answer is not None]
    process.start()
    await embedded_deployment.ready()

    async def not_busy() -> list[httpx.Response] | None:
        answers = await asyncio.gather(*(_post(client, key) for _ in range(50)))
        return answers if any(a is not None and a.status_code == 201 for a in answers) else None

    after = await eventually(not_busy, within=10, what="the retry replays or does the work, never 409 for long")
    settled = await _post(client, key)

    assert {answer.status_code for answer in [*before, *after]} <= {201, 409}
    ids = {answer.json()["id"] for answer in [*before, *after, settled] if answer.status_code == 201}
    assert len(ids) == 1
    assert settled.headers["idempotency-replayed"] == "true"
    assert await _counts(embedded_deployment) == (1, 1)
    other = await client.post("/v1/feedback", json=BODY | {"body": "other"}, headers={"Idempotency-Key": key})
    assert other.status_code == 422
