"""A whole OpsLoop whose endpoints misbehave: health, and another workspace's webhook, meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psutil
import pytest

from opsloop_common.testing.receiver import Received, WebhookReceiver
from tests.attacks.peers import HTTP, TLS, UNSPOKEN, bad_peers
from tests.attacks.probe import Seen, watching
from tests.harness import Deployment, eventually

pytestmark = [pytest.mark.slow, pytest.mark.measured]

POSTS = 12
ATTACK_SECONDS = 1.2
ARRIVES_SECONDS = 1.0
WORST = ("early_hints", "tiny_chunks", "answers_then_floods", "reads_nothing", "tls_handshake", "drip_interim")
MEMORY_BYTES = 64 << 20


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


class Workspace:
    """A workspace with keys of its own."""

    def __init__(self, deployment: Deployment, keys: dict[str, str]) -> None:
        self.feedback = deployment.client("feedback", key=keys["feedback"])
        self.notifications = deployment.client("notifications", key=keys["notifications"])

    async def post(self) -> str:
        return str((await made(self.feedback, "/v1/feedback", body="It does not start", channel="api"))["id"])

    async def listens_at(self, url: str) -> str:
        webhook = await made(self.notifications, "/v1/webhooks", url=url, event_types=["feedback.received"])
        return str(webhook["id"])


async def workspace_in(deployment: Deployment, name: str) -> Workspace:
    keys = {}
    for service in ("feedback", "notifications"):
        body = {"name": name, "workspace": name, "scopes": [f"{service}:{right}" for right in ("read", "write")]}
        keys[service] = (await made(deployment.client(service), "/v1/api-keys", **body))["key"]
    return Workspace(deployment, keys)


@asynccontextmanager
async def good_receiver() -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver().running() as receiver:
        yield receiver


async def arrival(receiver: WebhookReceiver, quiet: Workspace) -> float:
    """Post in the other workspace and return the seconds until its webhook has come."""
    began = time.monotonic()
    id = await quiet.post()

    async def come() -> list[Received]:
        return [call for call in receiver.requests if id in call.body.decode()]

    await eventually(come, within=20, every=0.01, what="the other workspace's webhook")
    return time.monotonic() - began


async def attack(
    deployment: Deployment, kinds: tuple[str, ...], ports: dict[str, int], *, seconds: float = ATTACK_SECONDS
) -> None:
    noisy, quiet = await workspace_in(deployment, "noisy"), await workspace_in(deployment, "quiet")
    process = psutil.Process(deployment.processes["opsloop"].pid)
    health = deployment.urls["feedback"].removesuffix("/api/feedback") + "/healthz"
    async with good_receiver() as receiver:
        await quiet.listens_at(receiver.url)
        await arrival(receiver, quiet)
        began_with = process.memory_info().rss
        async with watching(health) as seen:
            await asyncio.sleep(seconds)  # the time that is measured
        print(f"nobody misbehaves: healthz {seen()}")
        saw: dict[str, tuple[Seen, float]] = {}
        for kind in kinds:
            scheme = "https" if kind in TLS else "http"
            webhook = await noisy.listens_at(f"{scheme}://127.0.0.1:{ports[kind]}/")
            async with watching(health) as seen:
                await asyncio.gather(*[noisy.post() for _ in range(POSTS)])
                took = await arrival(receiver, quiet)
                await asyncio.sleep(seconds)
            assert (await noisy.notifications.delete(f"/v1/webhooks/{webhook}")).status_code == 204
            print(f"{kind}: {POSTS} posts; healthz {seen()}; another workspace's webhook came in {took * 1000:.0f} ms")
            saw[kind] = seen(), took
        grown = process.memory_info().rss - began_with
        print(f"memory {began_with >> 20} MiB before, {(began_with + grown) >> 20} MiB after")
    for kind, (probes, took) in saw.items():
        probes.require(p99_ms=50, max_ms=250)
        assert took < ARRIVES_SECONDS, kind
    assert grown < MEMORY_BYTES


async def test_endpoints_that_misbehave_keep_nobody_waiting(embedded_deployment):
    async with bad_peers(*WORST) as ports:
        await attack(embedded_deployment, WORST, ports)


@pytest.mark.soak
async def test_every_kind_of_bad_endpoint_keeps_nobody_waiting(embedded_deployment):
    kinds = (*HTTP, *UNSPOKEN, *TLS)
    async with bad_peers(*kinds) as ports:
        await attack(embedded_deployment, kinds, ports, seconds=5.0)


async def test_no_webhook_reaches_our_own_front_door(embedded_deployment):
    """The allow-list has all of loopback; our port stays shut in each spelling, others on it stay open."""
    port = embedded_deployment.urls["feedback"].split(":")[2].split("/")[0]
    hooks = await workspace_in(embedded_deployment, "noisy")
    refused = [
        "127.0.0.1", "127.9.8.7", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "localhost",  # noqa: S104
    ]  # fmt: skip
    for host in refused:
        body = {"url": f"http://{host}:{port}/api/feedback/v1/feedback", "event_types": ["feedback.received"]}
        answer = await hooks.notifications.post("/v1/webhooks", json=body)
        if answer.status_code == 201:  # a name is judged when it is called
            test = await hooks.notifications.post(f"/v1/webhooks/{answer.json()['id']}/test")
            assert test.status_code == 202, test.text
            path = f"/v1/webhooks/{answer.json()['id']}/deliveries"

            async def ended(path: str = path) -> Any:
                items = (await hooks.notifications.get(path)).json()["items"]
                return [item for item in items if item["status"] == "failed"]

            [delivery] = await eventually(ended, what="the test's end")
            assert "blocked_target" in json.dumps(delivery)
        else:
            assert answer.status_code == 422, (host, answer.text)
            assert answer.json()["errors"][0]["pointer"] == "/url"
    print(f"own front door: {len(refused)} spellings refused on port {port}")
