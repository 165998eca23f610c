"""One post and a playbook that hears what its own campaigns cause: 8,420 messages and 421 campaigns, before budgets."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import httpx
import psutil
import pytest

from tests.attacks.probe import watching
from tests.harness import Deployment, eventually

pytestmark = [pytest.mark.slow, pytest.mark.measured]

PEOPLE = 20
MESSAGE = {"channel": "email", "locale": "en", "subject": "We are on it", "body": "We saw it."}


def _playbook(on: str, prefix: str, people: int = PEOPLE) -> dict:
    users = [f"{prefix}{n}" for n in range(people)]
    launch = {"name": prefix, "audience": {"user_ids": users}, "messages": [MESSAGE]}
    return {"name": prefix, "on": on, "requires_approval": False, "launch": launch}


async def _made(client: httpx.AsyncClient, path: str, body: dict) -> dict:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _all(client: httpx.AsyncClient, path: str) -> list[dict]:
    items, query = [], "limit=200"
    while query:
        page = (await client.get(f"{path}{'&' if '?' in path else '?'}{query}")).json()
        items += page["items"]
        query = f"limit=200&cursor={page['next_cursor']}" if page["next_cursor"] and page["items"] else ""
    return items


async def _other_workspace(deployment: Deployment) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    clients = []
    for service in ("feedback", "campaigns"):
        scopes = [f"{service}:{level}" for level in ("read", "write", "admin")]
        body = {"name": "neighbour", "workspace": "neighbour", "scopes": scopes}
        key = (await _made(deployment.client(service), "/v1/api-keys", body))["key"]
        clients.append(deployment.client(service, key=key))
    return clients[0], clients[1]


@pytest.mark.timeout(180)
async def test_one_post_sets_off_a_bounded_number_of_things(embedded_deployment: Deployment):
    feedback, campaigns = embedded_deployment.client("feedback"), embedded_deployment.client("campaigns")
    their_feedback, their_campaigns = await _other_workspace(embedded_deployment)
    await _made(campaigns, "/v1/playbooks", _playbook("feedback.received", "heard"))
    loop = await _made(campaigns, "/v1/playbooks", _playbook("notification.failed", "failed"))
    await _made(their_campaigns, "/v1/playbooks", _playbook("feedback.received", "theirs", 1))
    process = psutil.Process(embedded_deployment.process_of("campaigns").pid)
    before = process.memory_info().rss
    url = embedded_deployment.urls["feedback"].removesuffix("/api/feedback")

    async with watching(f"{url}/healthz") as seen:
        await _made(feedback, "/v1/feedback", {"body": "支付失败", "channel": "api"})
        await asyncio.sleep(0.5)  # in the middle of what the post sets off
        began = time.monotonic()
        await _made(their_feedback, "/v1/feedback", {"body": "Love it", "channel": "api"})

        async def theirs() -> bool:
            return [one["status"] for one in await _all(their_campaigns, "/v1/campaigns")] == ["finished"]

        await eventually(theirs, what="the neighbour's campaign finished")
        waited = time.monotonic() - began
        # 20 people fail, 9 more campaigns may be launched, so 9 × 20 fail again: every one of them has a run
        runs = await eventually(
            lambda: _settled(campaigns, loop["id"], 10 * PEOPLE), within=60, what="a run for every failed message"
        )

    launched = [one for one in await _all(campaigns, "/v1/campaigns") if one["held_by"] is None]
    held = await _all(campaigns, "/v1/campaigns?held_by=cause_budget&status=pending_approval")
    outcomes = Counter(run["outcome"] for run in runs)
    events = Counter(event["type"] for event in await _all(embedded_deployment.client("notifications"), "/v1/events"))
    grown = (process.memory_info().rss - before) / 2**20
    print(
        f"\nbreadth: 1 post → {len(launched)} campaigns, {events['notification.failed']} messages, {len(held)} campaigns held, "
        f"runs {dict(outcomes)}, {events['campaign.approval_requested']} requests for approval; /healthz {seen()}; "
        f"another workspace's loop {waited:.1f} s; memory {before / 2**20:.0f} MiB {grown:+.0f} MiB"
    )
    assert len(launched) == 10
    assert events["notification.failed"] == 10 * PEOPLE
    assert "message.requested" not in events, "texts to people are between services alone"
    assert outcomes == {"launched": 9, "held": 100, "too_many_waiting": 10 * PEOPLE - 109}
    assert len(held) == 100
    assert events["campaign.approval_requested"] == 1
    assert waited < 10
    seen().require()


async def _settled(campaigns: httpx.AsyncClient, playbook_id: str, count: int) -> list[dict]:
    runs = await _all(campaigns, f"/v1/playbooks/{playbook_id}/runs")
    return runs if len(runs) >= count else []
