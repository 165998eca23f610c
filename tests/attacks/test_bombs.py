"""The worst that every field of every route and every event can hold, six at once, while a probe asks whether the house lives."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from opsloop_common.contracts.catalogue import BY_TYPE, PRODUCERS_OF, PUBLIC
from opsloop_common.contracts.samples import sample
from opsloop_common.ids import uuid7
from tests.attacks.bombs import MIB, Bomb, bombs, marks
from tests.attacks.examples import HOOK, examples
from tests.attacks.probe import watching
from tests.contracts.worlds.campaigns import CAMPAIGN, PLAYBOOK
from tests.contracts.worlds.metrics import MONITOR, REPORTED
from tests.contracts.worlds.templates import MESSAGE, TEMPLATE
from tests.harness import SERVICES, Deployment, connect, eventually

pytestmark = [pytest.mark.slow, pytest.mark.measured]

AT_ONCE = 6
SECONDS = 90.0


class Seen:
    """What the attacker was answered, by operation."""

    def __init__(self) -> None:
        self.slowest: dict[str, tuple[float, str]] = {}
        self.statuses: dict[int, int] = defaultdict(int)
        self.faults: list[str] = []

    def note(self, bomb: Bomb, status: int, seconds: float) -> None:
        """Count one answer; what is no client's error and no success is a fault."""
        self.statuses[status] += 1
        self.slowest[bomb.operation] = max(self.slowest.get(bomb.operation, (0.0, "")), (seconds, bomb.what))
        if status >= 500:
            self.faults.append(f"{status} {bomb.operation} {bomb.what}")

    def ten_slowest(self) -> str:
        """Return them as lines."""
        found = sorted(((seconds, name, what) for name, (seconds, what) in self.slowest.items()), reverse=True)[:10]
        return "\n".join(f"  {seconds * 1000:6.0f} ms  {name}  {what}" for seconds, name, what in found)


async def throw(deployment: Deployment, service: str, bombs_of_service: Iterator[Bomb], seen: Seen) -> int:
    """Send all bombs of a service, six at a time; returns how many."""
    client = deployment.client(service)
    sent = 0

    async def one_after_the_other() -> None:
        nonlocal sent
        for bomb in bombs_of_service:
            sent += 1
            began = time.perf_counter()
            try:
                answer = await client.request(
                    bomb.method, bomb.path, content=bomb.body, headers=dict(bomb.headers), timeout=SECONDS
                )
            except httpx.HTTPError as error:  # a server that closes on too long a head may do so before it was sent
                seen.note(bomb, 499, time.perf_counter() - began)
                if isinstance(error, httpx.TimeoutException):
                    seen.faults.append(f"no answer: {bomb.operation} {bomb.what}")
            else:
                seen.note(bomb, answer.status_code, time.perf_counter() - began)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return sent


async def world(deployment: Deployment) -> dict[str, str]:
    """Make one of what routes take bodies for; returns what path parameters stand for."""

    async def made(service: str, path: str, body: object) -> Any:
        answer = await deployment.client(service).post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    await made("metrics", "/v1/kpis", REPORTED)
    ids = {
        "feedback_id": (await made("feedback", "/v1/feedback", {"body": "支付失败"}))["id"],
        "monitor_id": (await made("metrics", "/v1/kpis/csat/monitors", MONITOR))["id"],
        "campaign_id": (await made("campaigns", "/v1/campaigns", CAMPAIGN))["id"],
        "playbook_id": (await made("campaigns", "/v1/playbooks", PLAYBOOK))["id"],
        "webhook_id": (await made("notifications", "/v1/webhooks", HOOK))["id"],
        "message_id": (await made("notifications", "/v1/messages", MESSAGE))["id"],
    }
    await made("notifications", "/v1/templates", TEMPLATE | {"key": "csat"})
    # the engine of events is loaded at the first question, which holds the interpreter once: up to 0.3 s from a cold disk
    answer = await deployment.client("metrics").post("/v1/insights/sessions", json={})
    assert answer.status_code == 200, answer.text
    named = ids | {"key": "csat", "user_id": "u1", "order_id": "o1"}
    return defaultdict(lambda: str(uuid4()), named)


def memory(deployment: Deployment) -> int:
    """Return the process's resident memory in MiB."""
    return psutil.Process(deployment.process_of("feedback").pid).memory_info().rss // MIB


@pytest.mark.parametrize("each", [5, pytest.param(1, marks=pytest.mark.soak)], ids=["a fifth", "all"])
async def test_no_request_stalls_the_house(embedded_deployment: Deployment, each: int):
    ids = await world(embedded_deployment)
    seen, sent, known = Seen(), 0, set()
    before = memory(embedded_deployment)

    began = time.perf_counter()
    async with watching(f"{embedded_deployment.urls['metrics']}/healthz") as watched:
        for number, service in enumerate(SERVICES):
            described = await embedded_deployment.client(service).get("/openapi.json")
            assert described.status_code == 200, (seen.statuses, seen.ten_slowest(), described.text)
            document = described.json()
            known |= {f"{m.upper()} {path}" for path, item in document["paths"].items() for m in item}
            # what all services have is met with other bombs in each
            chosen = islice(bombs(document, ids, examples(service)), number % each, None, each)
            sent += await throw(embedded_deployment, service, chosen, seen)

    print(
        f"\n{sent} requests with the worst content in {time.perf_counter() - began:.0f} s, answers {dict(seen.statuses)}; "
        f"/healthz of another service: {watched()}; memory {before} -> {memory(embedded_deployment)} MiB\n"
        f"the ten slowest of {len(seen.slowest)} operations:\n{seen.ten_slowest()}"
    )
    assert known - seen.slowest.keys() == set(), "operations that were not visited"
    assert seen.faults == []
    watched().require()


LARGE = ("55 rows of U+FDFA", "1,000 honest rows", "empty lists")


def large_batches() -> dict[str, bytes]:
    """Return bodies of about 8 MiB for the batch route."""
    honest = "支付失败，而且重复扣款两次 payment failed twice, and the money is gone. " * 92
    texts = {"1,000 honest rows": honest, "55 rows of U+FDFA": "\ufdfa" * 50_000}
    found = {}
    for name, text in texts.items():
        count = min(1_000, (8 * MIB - 20_000) // (len(text.encode()) + 60))
        rows = [{"body": text, "external_id": f"{name} {number}"} for number in range(count)]
        found[name] = json.dumps({"items": rows}, ensure_ascii=False).encode()
    return found | {"empty lists": b'{"items":[' + b",".join([b"[]"] * 2_790_000) + b"]}"}


@pytest.mark.parametrize("name", [*LARGE[:1], *(pytest.param(each, marks=pytest.mark.soak) for each in LARGE[1:])])
async def test_six_batches_at_once_let_the_others_go_on(embedded_deployment: Deployment, name: str):
    client = embedded_deployment.client("feedback")
    # six partners: what one may have on its way is less
    scopes = {"scopes": ["feedback:submit"]}
    made = [await client.post("/v1/api-keys", json={"name": f"partner {n}"} | scopes) for n in range(AT_ONCE)]
    keys = [{"Authorization": f"Bearer {each.json()['key']}", "Content-Type": "application/json"} for each in made]
    body = large_batches()[name]
    before, began = memory(embedded_deployment), time.perf_counter()
    async with watching(f"{embedded_deployment.urls['metrics']}/healthz") as watched:
        await asyncio.sleep(0.2)  # the house at rest is watched first
        at_once = [client.post("/v1/feedback:batch", content=body, headers=key, timeout=300) for key in keys]
        statuses = {answer.status_code for answer in await asyncio.gather(*at_once)}

    print(
        f"\nsix batches at once of {len(body) / MIB:.1f} MiB, {name}: {statuses} in {time.perf_counter() - began:.1f} s; "
        f"/healthz of another service: {watched()}; memory {before} -> {memory(embedded_deployment)} MiB"
    )
    assert statuses == {422 if name == "empty lists" else 200}
    watched().require()


def bad_events(type: str) -> Iterator[tuple[str, bytes]]:
    """Yield documents of an event type with the worst content that another program could send in each field."""
    document = sample(BY_TYPE[type]).document()
    worst: dict[str, Any] = {
        "marks": marks(200_000),
        "a large double": 1e300,
        "a large integer": 10**300,
        "15,000 numbers": list(range(15_000)),
        "4,000 empty lists": [[]] * 4_000,
        "150,000 empty lists": [[]] * 150_000,
        "4,000 names": {f"a{number}": number for number in range(4_000)},
    }
    for name, value in worst.items():
        data = dict.fromkeys(document["data"], value) if len(json.dumps(value)) < 40_000 else {a_field(type): value}
        yield f"{type}: all of {name}", json.dumps(document | {"data": data}, ensure_ascii=False).encode()
        kept = document["data"] | {a_field(type): value}
        yield f"{type}: and {name}", json.dumps(document | {"data": kept}, ensure_ascii=False).encode()


async def listen_everywhere(deployment: Deployment) -> None:
    """Make playbooks and endpoints that look at every event with many conditions and placeholders."""
    for type in PUBLIC:
        filled = f"{{{{ event.data.{a_field(type)} }}}}"
        message = {"channel": "email", "locale": "en", "subject": filled, "body": filled * (20_000 // len(filled))}
        launch = {"name": filled, "audience": {"user_ids": ["nobody"]}, "messages": [message]}
        for when in ([], _conditions_on(a_field(type))):
            body = {"name": type, "on": type, "when": when, "requires_approval": True, "launch": launch}
            answer = await deployment.client("campaigns").post("/v1/playbooks", json=body)
            assert answer.status_code == 201, answer.text
    for field in sorted({a_field(type) for type in PUBLIC}):
        hook = HOOK | {"filter": _conditions_on(field)}
        answer = await deployment.client("notifications").post("/v1/webhooks", json=hook)
        assert answer.status_code == 201, answer.text


def a_field(type: str) -> str:
    """Return a field that events of the type have."""
    return next(iter(BY_TYPE[type].model_fields))


def _conditions_on(field: str) -> list[dict[str, Any]]:
    # texts, as the first field of every type is one: what a field never holds is refused
    values = ("x" * 1_000, "7", "é" * 1_000, "支" * 1_000)
    return [{"field": f"data.{field}", "op": "contains", "value": value} for value in values] * 5


async def publish(deployment: Deployment, service: str, type: str, bodies: list[bytes]) -> list[Any]:
    """Put documents into a service's outbox as a program that is none of ours might; returns the events' ids."""
    ids = []
    connection = await connect(deployment.database_urls[service])
    try:
        for body in bodies:
            id = uuid7()
            stream = f"bomb/{id}"
            document = json.loads(body) | {"id": str(id), "workspace": "default", "partitionkey": stream, "sequence": 1}
            await connection.execute(
                "INSERT INTO outbox (event_id, stream, seq, type, payload) VALUES ($1, $2, 1, $3, $4)",
                id,
                stream,
                type,
                json.dumps(document, ensure_ascii=False),
            )
            ids.append(id)
    finally:
        await connection.close()
    return ids


@pytest.mark.parametrize("each", [3, pytest.param(1, marks=pytest.mark.soak)], ids=["a third", "all"])
async def test_no_event_stalls_its_consumers(embedded_deployment: Deployment, each: int):
    await listen_everywhere(embedded_deployment)
    before, began, sent = memory(embedded_deployment), time.perf_counter(), 0

    async with watching(f"{embedded_deployment.urls['metrics']}/healthz") as watched:
        for number, type in enumerate(BY_TYPE):
            bodies = [body for _, body in islice(bad_events(type), number % each, None, each)]
            for producer in PRODUCERS_OF[type]:
                sent += len(await publish(embedded_deployment, producer, type, bodies))

        async def are_done() -> bool:
            waiting = "SELECT count(*) FROM outbox WHERE position IS NULL OR position > (SELECT delivered_position FROM outbox_log)"
            return not any([(await embedded_deployment.fetch(name, waiting))[0][0] for name in SERVICES])

        await eventually(are_done, within=SECONDS, what="every consumer is done with every event")

    parked = sum([(await embedded_deployment.fetch(s, "SELECT count(*) FROM parked_event"))[0][0] for s in SERVICES])
    print(
        f"\n{sent} events of {len(BY_TYPE)} types with the worst content, {parked} parked, in {time.perf_counter() - began:.0f} s; "
        f"/healthz: {watched()}; memory {before} -> {memory(embedded_deployment)} MiB"
    )
    watched().require()
