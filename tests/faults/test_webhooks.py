"""Webhooks under kill -9 of whatever carries them: none is lost, and what comes twice was under way when something died."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import psutil
import pytest

from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.testing.databases import TestDatabases, temporary_postgres
from tests.faults.receivers import ENDPOINTS, Receivers, receiving
from tests.harness import Deployment, Process, eventually, postmasters

pytestmark = pytest.mark.slow

SMALL = 1_000
SOAK_EVENTS = int(os.environ.get("OPSLOOP_SOAK_EVENTS", "100000"))
SOAK_SEED = int(os.environ.get("OPSLOOP_SOAK_SEED", "1"))
SOAK_PER_SECOND = 500
ROWS = 20
AT_ONCE = 4
PATIENCE_SECONDS = 120.0
SUCCEEDED = "SELECT count(*) FROM delivery WHERE status = 'succeeded'"
FAILURES = "SELECT coalesce(failure, 'none'), count(*) FROM delivery_attempt GROUP BY 1"
# a kill of PostgreSQL is one: what PostgreSQL has said is written must be
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that nobody else needs."""
    with temporary_postgres(SETTINGS) as server:
        yield server


@pytest.fixture
def databases(own_postgres: PostgresServer) -> TestDatabases:
    """Databases that may be killed."""
    return TestDatabases(own_postgres)


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    """Five endpoints."""
    async with receiving() as opened:
        yield opened


def revive(server: PostgresServer) -> None:
    server.stop()  # what is dead already is waited for
    server.start()


def row_of(name: str) -> dict[str, object]:
    """Return a post that is known again in its event: by its author."""
    author = {"user_id": name}
    return {"body": "支付失败，订单丢失", "channel": "api", "external_id": name, "author": author, "tags": ["soak"]}


@dataclass
class Posts:
    """What was posted and accepted: the id that each sender's own id was given."""

    accepted: dict[str, str] = field(default_factory=dict)
    repeats: int = 0
    seconds: list[float] = field(default_factory=list)
    """How long each batch took until it was accepted, dead processes included."""

    async def reaches(self, count: int) -> None:
        async def reached() -> bool:
            return len(self.accepted) >= count

        await eventually(reached, within=PATIENCE_SECONDS, every=0.01, what=f"{count} posts accepted")

    async def send(self, client: httpx.AsyncClient, count: int, *, per_second: float | None = None) -> None:
        """Post `count` in batches, a few at once; each batch until it is accepted."""
        began, slots = time.monotonic(), asyncio.Semaphore(AT_ONCE)

        async def one(first: int) -> None:
            async with slots:
                if per_second is not None:
                    await asyncio.sleep(max(0.0, began + first / per_second - time.monotonic()))  # the rate asked for
                await self._until_accepted(client, min(ROWS, count - first))

        await asyncio.gather(*(one(first) for first in range(0, count, ROWS)))

    async def _until_accepted(self, client: httpx.AsyncClient, rows: int) -> None:
        names, key, began = [uuid4().hex for _ in range(rows)], uuid4().hex, time.monotonic()
        items = [row_of(name) for name in names]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await client.post(
                        "/v1/feedback:batch", json={"items": items}, headers={"Idempotency-Key": key}
                    )
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == 200:
                    break
                assert answer is None or answer.status_code in (409, 429, 500, 503), answer.text
                self.repeats += 1
                await asyncio.sleep(0.1 + random.random() * 0.2)
        self.accepted |= {item["external_id"]: item["id"] for item in answer.json()["items"]}
        self.seconds.append(time.monotonic() - began)


@dataclass
class Kills:
    """What was killed how often, and how many calls had come by then whose success was not written down."""

    deployment: Deployment
    receivers: Receivers
    killed: Counter[str] = field(default_factory=Counter)
    in_flight: list[int] = field(default_factory=list)

    async def kill(self, name: str, die: Callable[[], object], live: Callable[[], Awaitable[object]]) -> None:
        written = int((await self.deployment.fetch("notifications", SUCCEEDED))[0][0])
        die()
        if name in ("opsloop", "notifications"):
            await eventually(self._read_out, every=0.01, what="what it had sent is read")
        else:
            await asyncio.sleep(0.2)  # some calls go on while what they need is dead
        self.killed[name] += 1
        self.in_flight.append(len(self.receivers.calls) - written)
        await live()

    async def _read_out(self) -> bool:
        return self.receivers.connections == 0


async def restarted(deployment: Deployment, process: Process) -> None:
    process.start()
    await deployment.ready()


def kill_postgres(pids: list[int]) -> None:
    for pid in pids:
        psutil.Process(pid).kill()


def postmaster_of(server: PostgresServer) -> list[int]:
    return [int((server.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])]


async def settled(deployment: Deployment, posts: Posts, receivers: Receivers, kills: Kills, *, within: float) -> str:
    """Wait until every post came to every endpoint and that is written down; compare, and return the numbers."""
    expected = ENDPOINTS * len(posts.accepted)

    async def over() -> bool:
        if len(receivers.calls) < expected:
            return False
        return bool((await deployment.fetch("notifications", SUCCEEDED))[0][0] >= expected)

    try:
        await eventually(over, within=within, every=0.5, what=f"{expected} deliveries")
    except AssertionError as error:
        states = await deployment.fetch("notifications", "SELECT status, count(*) FROM delivery GROUP BY 1")
        raise AssertionError(f"{error}; came {len(receivers.calls)}, {[tuple(row) for row in states]}") from None
    failures = {row[0]: row[1] for row in await deployment.fetch("notifications", FAILURES)}
    slow = sorted(posts.seconds)
    numbers = (
        f"{len(posts.accepted)} events to {ENDPOINTS} endpoints, kills {dict(kills.killed)}, lost "
        f"{expected - len(receivers.calls)}, repeated {receivers.repeats} of {sum(kills.in_flight)} in flight "
        f"{kills.in_flight}, attempts {failures}, batches asked again {posts.repeats}, "
        f"the slowest {slow[-1]:.1f} s, the median {slow[len(slow) // 2]:.2f} s"
    )
    print(numbers)
    assert receivers.complaints == []
    assert {data["feedback_id"]: data["author"]["user_id"] for data in receivers.told.values()} == {
        id: name for name, id in posts.accepted.items()
    }
    assert all(data["tags"] == ["soak"] and data["kind"] == "bug" for data in receivers.told.values())
    assert len(receivers.calls) == expected == ENDPOINTS * len(receivers.told)
    assert receivers.repeats <= sum(kills.in_flight), numbers
    return numbers


@pytest.mark.timeout(240)
async def test_2_the_all_in_one_and_its_postgresql_die_and_no_webhook_is_lost(
    embedded_deployment: Deployment, receivers: Receivers
):
    chance, process = random.Random(1), embedded_deployment.processes["opsloop"]
    posts, kills = Posts(), Kills(embedded_deployment, receivers)
    await receivers.subscribe(embedded_deployment.client("notifications"))

    posting = asyncio.create_task(posts.send(embedded_deployment.client("feedback"), SMALL))
    for number, name in enumerate(("opsloop", "postgresql", "opsloop"), start=1):
        await posts.reaches(SMALL * number // 4)
        await asyncio.sleep(chance.uniform(0, 0.2))  # at any moment of what goes on
        await kill_of_embedded(embedded_deployment, process, kills, name)
    await posting

    await settled(embedded_deployment, posts, receivers, kills, within=60)


async def kill_of_embedded(deployment: Deployment, process: Process, kills: Kills, name: str) -> None:
    if name == "opsloop":
        await kills.kill(name, process.kill9, lambda: restarted(deployment, process))
    else:
        await kills.kill(name, lambda: kill_postgres(postmasters(deployment)), deployment.ready)


async def kill_of_distributed(deployment: Deployment, kills: Kills, name: str, server, broker) -> None:
    if name == "kafka":
        await kills.kill(name, broker.kill9, lambda: asyncio.to_thread(broker.restart))
    elif name == "postgresql":
        await kills.kill(name, lambda: kill_postgres(postmaster_of(server)), lambda: asyncio.to_thread(revive, server))
    else:
        process = deployment.processes[name]
        await kills.kill(name, process.kill9, lambda: restarted(deployment, process))


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_2_services_postgresql_and_kafka_die_and_no_webhook_is_lost(
    distributed_deployment: Deployment, receivers: Receivers, own_postgres, kafka_broker
):
    chance, deployment = random.Random(1), distributed_deployment
    posts, kills = Posts(), Kills(deployment, receivers)
    await receivers.subscribe(deployment.client("notifications"))

    posting = asyncio.create_task(posts.send(deployment.client("feedback"), SMALL))
    for number, name in enumerate(("notifications", "feedback", "postgresql", "kafka"), start=1):
        await posts.reaches(SMALL * number // 5)
        await asyncio.sleep(chance.uniform(0, 0.2))  # at any moment of what goes on
        await kill_of_distributed(deployment, kills, name, own_postgres, kafka_broker)
    await posting
    await deployment.ready()

    await settled(deployment, posts, receivers, kills, within=90)


BETWEEN = (
    "relay.before_publish",
    "consumer.before_commit",
    pytest.param("consumer.after_commit", marks=pytest.mark.soak),  # planned and claimed, and not yet called
    "webhooks.after_send",  # called, and not yet written down
)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("place", BETWEEN)
async def test_3_what_was_committed_comes_although_all_died_before_it_was_enqueued_and_nobody_asks_again(
    embedded_deployment: Deployment, receivers: Receivers, place: str
):
    process, client = embedded_deployment.processes["opsloop"], embedded_deployment.client("feedback")
    await receivers.subscribe(embedded_deployment.client("notifications"))
    process.kill9()
    process.start(OPSLOOP_FAILPOINT=place)
    await embedded_deployment.ready()

    posts = Posts()
    try:
        answer = await client.post("/v1/feedback", json=row_of(name := uuid4().hex))
    except httpx.TransportError:
        answer = None  # it died before it could answer, and after the commit
    await eventually(lambda: is_dead(process), within=30, what=f"it dies at {place}")
    came = len(receivers.calls)
    process.start()
    await embedded_deployment.ready()

    [kept] = await embedded_deployment.fetch("feedback", "SELECT id FROM feedback")
    assert answer is None or answer.json()["id"] == str(kept["id"])
    posts.accepted[name] = str(kept["id"])
    posts.seconds.append(0.0)
    kills = Kills(embedded_deployment, receivers, Counter({place: 1}), [came])
    await settled(embedded_deployment, posts, receivers, kills, within=60)


async def is_dead(process: Process) -> bool:
    return process.is_dead()


@pytest.mark.soak
@pytest.mark.timeout(7_200)
async def test_2_soak_of_the_all_in_one(embedded_deployment: Deployment, receivers: Receivers):
    chance, process = random.Random(SOAK_SEED), embedded_deployment.processes["opsloop"]
    posts, kills = Posts(), Kills(embedded_deployment, receivers)
    await receivers.subscribe(embedded_deployment.client("notifications"))

    client = embedded_deployment.client("feedback")
    posting = asyncio.create_task(posts.send(client, SOAK_EVENTS, per_second=SOAK_PER_SECOND))
    while not posting.done():
        await asyncio.sleep(chance.uniform(2, 8))  # a kill comes at any moment
        await kill_of_embedded(embedded_deployment, process, kills, chance.choice(("opsloop", "opsloop", "postgresql")))
    await posting

    await settled(embedded_deployment, posts, receivers, kills, within=120 + SOAK_EVENTS / 50)


@pytest.mark.soak
@pytest.mark.kafka
@pytest.mark.timeout(7_200)
async def test_2_soak_of_services_postgresql_and_kafka(
    distributed_deployment: Deployment, receivers: Receivers, own_postgres, kafka_broker
):
    chance, deployment = random.Random(SOAK_SEED), distributed_deployment
    posts, kills = Posts(), Kills(deployment, receivers)
    await receivers.subscribe(deployment.client("notifications"))

    client = deployment.client("feedback")
    posting = asyncio.create_task(posts.send(client, SOAK_EVENTS, per_second=SOAK_PER_SECOND))
    round: list[str] = []
    while not posting.done():
        # each dies in every round
        round = round or chance.sample(("notifications", "notifications", "feedback", "postgresql", "kafka"), 5)
        await asyncio.sleep(chance.uniform(2, 8))  # a kill comes at any moment
        await kill_of_distributed(deployment, kills, round.pop(), own_postgres, kafka_broker)
    await posting
    await deployment.ready()

    await settled(deployment, posts, receivers, kills, within=120 + SOAK_EVENTS / 50)
