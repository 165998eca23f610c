"""Scenario 8: no endpoint leads inside, whatever its address, its name or its answers say."""

from __future__ import annotations

import json
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from opsloop_common.db import ports_of
from opsloop_common.outbound.client import OutboundClient, policy_from
from opsloop_common.outbound.rules import is_public, judged_address
from opsloop_common.testing.events import deliver
from opsloop_common.testing.http import settings_for_tests
from opsloop_common.testing.prerequisites import end_without
from opsloop_notifications.app import SERVICE
from opsloop_notifications.deliveries.service import QUEUE_TABLE
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.timers import dispatch_webhooks
from opsloop_notifications.settings import NotificationsSettings
from tests.notifications.test_scenarios import happened

TARGETS = Path(__file__).parents[3] / "shared" / "testdata" / "ssrf_targets.json"
PUBLIC = "93.184.216.34"
IMDS = "169.254.169.254"


class World:
    """The DNS and the network as a service sees them: each name has its answers, and what would be dialled is kept."""

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self.answers, self.dialled, self.redirects = answers, [], {}

    async def lookup(self, host: str, port: int) -> list[str]:
        known = self.answers.get(host.rstrip("."), [[PUBLIC]])
        return known.pop(0) if len(known) > 1 else known[0]

    def open_socket(self, info) -> socket.socket:
        self.dialled.append(info[4][0])
        raise OSError("no packet leaves a test")


@pytest.fixture
async def public(api):
    """Return what opens a service that calls public addresses, and those allowed besides; its calls go out into a world."""
    async with AsyncExitStack() as stack:

        async def opened(world: World, allowed: str = ""):
            settings = settings_for_tests(
                NotificationsSettings,
                outbound="public",
                outbound_allow=allowed,
                public_url="https://our-own-public-host",
            )
            service = await api(SERVICE, settings)
            await stack.enter_async_context(outside(service, world))
            return service, await service.key()

        yield opened


@asynccontextmanager
async def outside(service, world: World):
    ports, policy = ports_of(service.runtime, NotificationsPorts), policy_from(service.runtime.settings)
    async with OutboundClient(policy, lookup=world.lookup, open_socket=world.open_socket) as client:
        service.runtime.ports = service.runtime.grounds.ports = replace(ports, outbound=client)
        yield
        service.runtime.ports = service.runtime.grounds.ports = ports


def targets() -> list[dict]:
    if not TARGETS.exists():
        reason = f"{TARGETS.name} is not beside this repository"
        end_without(reason)
    return json.loads(TARGETS.read_text())["targets"]


async def created(service, key, url):
    """Ask for an endpoint; returns it, or None where its address is refused."""
    answer = await service.client.post("/v1/webhooks", json={"url": url, "event_types": ["campaign.*"]}, headers=key)
    assert answer.status_code in (201, 422), answer.text
    return answer.json() if answer.status_code == 201 else None


async def failures_of(service, key, hook):
    items = (await service.client.get(f"/v1/webhooks/{hook['id']}/deliveries", headers=key)).json()["items"]
    return [item["failure"] for item in items] if all(item["attempt_count"] for item in items) and items else None


async def test_8_nothing_inside_is_reached_at_create_or_connect(public, work, until):
    rows = [row for row in targets() if "redirect_to" not in row]
    answers = {
        urlsplit(row["url"]).hostname: list(row["dns"])
        for row in rows
        if "dns" in row  # of those only is the host a name that is asked for
    }
    world = World(answers)
    service, key = await public(world)
    hooks = {row["id"]: await created(service, key, row["url"]) for row in rows}
    async with work(service, dispatch_webhooks):
        await deliver(service.db, WEBHOOKS, happened())
        failures = {}
        for name, hook in hooks.items():
            if hook is not None:
                failures[name] = await until(lambda hook=hook: failures_of(service, key, hook), name)

    refused = {name for name, hook in hooks.items() if hook is None}
    blocked = {name for name, failure in failures.items() if failure == ["blocked_target"]}
    let_out = hooks.keys() - refused - blocked
    expected = {kind: {row["id"] for row in rows if row["expect"] == kind} for kind in ("block", "allow", "policy")}
    rebound = {row["id"] for row in rows if row["stage"] == "connect" and "dns" in row}
    # what is rebound goes to the address that was vetted, or nowhere
    assert expected["block"] <= refused | blocked | rebound
    assert expected["allow"] <= let_out
    judged = [judged_address(ip_address(address)) for address in world.dialled]
    assert all(is_public(address) for address in judged), world.dialled
    count = len(expected["block"])
    print(
        f"8 block: {count}, refused {len(refused)}, blocked {len(blocked)}; let out {sorted(let_out)}; inside dialled 0"
    )


async def test_8_a_name_that_is_rebound_is_vetted_at_each_attempt(public, work, until):
    world = World({"rebind.example": [[PUBLIC], ["10.0.0.1"]]})
    service, key = await public(world)
    hook = await created(service, key, "http://rebind.example/")
    async with work(service, dispatch_webhooks):
        await deliver(service.db, WEBHOOKS, happened())
        first = await until(lambda: failures_of(service, key, hook), "an attempt")
        service.clock.advance(10)
        service.db.wakeups.fire(QUEUE_TABLE)
        await until(lambda: is_blocked(service, key, hook), "the second attempt")

    assert first == ["connection"]
    assert world.dialled == [PUBLIC]
    print("8 rebinding: the first attempt to the vetted address, the second blocked, inside dialled 0")


async def is_blocked(service, key, hook):
    return await failures_of(service, key, hook) == ["blocked_target"]


async def test_8_of_mixed_answers_none_is_called_and_10_8_does_not_open_metadata(public, work, until):
    mixed = {
        "mixed.example": [["1.1.1.1", "10.0.0.1", IMDS]],
        "good.example": [["10.9.8.7"]],
        "imds.example": [[IMDS]],
        "imds6.example": [[f"::ffff:{IMDS}"]],
        "both.example": [["10.9.8.7", IMDS]],
    }
    world = World(mixed)
    service, key = await public(world, allowed="10.0.0.0/8")
    refused = [await created(service, key, f"http://{literal}/") for literal in (IMDS, f"[::ffff:{IMDS}]")]
    hooks = {name: await created(service, key, f"http://{name}/") for name in (*mixed, "10.1.2.3")}
    failures = {}
    async with work(service, dispatch_webhooks):
        await deliver(service.db, WEBHOOKS, happened())
        for name, hook in hooks.items():
            [failures[name]] = await until(lambda hook=hook: failures_of(service, key, hook), name)

    assert refused == [None, None]
    assert {name for name, failure in failures.items() if failure != "blocked_target"} == {"good.example", "10.1.2.3"}
    assert set(world.dialled) == {"10.9.8.7", "10.1.2.3"}
    print(f"8 with 10.0.0.0/8 allowed: dialled {sorted(set(world.dialled))}, metadata {IMDS} never")


async def test_8_redirects_are_failures_and_never_followed(acme, hook, work, until):
    rows = [row for row in targets() if "redirect_to" in row]
    given = [(302 if row["id"] == "redir-scheme" else int(row["cls"][:3]), row["redirect_to"]) for row in rows]
    inner = f"{hook.url}/inner"
    given += [(status, inner) for status in (301, 302, 303, 307, 308)]
    asked = []

    async def answer(request):
        asked.append(request.path)
        status, to = given[int(request.query["of"])]
        return web.Response(status=status, headers={"Location": to})

    hook.answer = answer
    await acme.change(acme.hook, status="disabled")
    for number in range(len(given)):
        await acme.post("/v1/webhooks", 201, url=f"{hook.url}?of={number}", event_types=["campaign.*"])
    hooks = (await acme.get("/v1/webhooks?limit=100"))["items"]
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(happened())
        for each in hooks:
            if each["status"] == "enabled":
                failures = await until(lambda each=each: failures_of(acme.service, acme.key, each), "an attempt")
                assert failures == ["redirect"]

    assert len(asked) == len(given)
    assert not any("inner" in path for path in asked)
    print(f"8 redirects: {len(given)} answered with 3xx, {len(asked)} calls, followed 0")
