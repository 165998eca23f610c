"""From the partner's request to the webhook at the receiver, beside the bare round trip of the same run."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from standardwebhooks import Webhook

from bench.intake import body
from bench.load import percentile
from bench.report import Line
from bench.world import wait_for_port
from opsloop_common.bus.kafka import create_topics
from opsloop_common.settings import Settings
from tests.harness import Deployment, Process, connect_arguments, environment, free_port

GOAL = 3.0
POSTS = 200
PAUSE_SECONDS = 0.03
SCRATCH = (
    "CREATE TABLE IF NOT EXISTS bench_feedback (id uuid PRIMARY KEY, body text NOT NULL); "
    "CREATE TABLE IF NOT EXISTS bench_outbox (id uuid PRIMARY KEY, payload text NOT NULL)"
)


@contextmanager
def receiver(folder: Path) -> Iterator[str]:
    """Run the counting receiver as a process of its own and give its URL."""
    port = free_port()
    process = Process("sink", [sys.executable, "-m", "bench.sink", str(port)], environment(), folder / "sink.log")
    process.start()
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.kill9()


async def arrivals(url: str) -> dict[str, float]:
    """Fetch and forget what the receiver saw: Unix seconds by `webhook-id`."""
    async with httpx.AsyncClient(trust_env=False) as client:
        seen: dict[str, float] = (await client.get(url)).json()["arrived"]
        return seen


class Bare:
    """The round trip with nothing around it: two INSERTs in a transaction, (a send and a consume,) one signed POST."""

    def __init__(self, connection: asyncpg.Connection, session: aiohttp.ClientSession, url: str) -> None:
        self.connection, self.session, self.url = connection, session, url
        self.signer = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        self.kafka: tuple[AIOKafkaProducer, AIOKafkaConsumer, str] | None = None

    async def once(self, number: int) -> str:
        """Do it once and return the id that the receiver will see."""
        name, payload = uuid4(), body(number).decode()
        async with self.connection.transaction():
            await self.connection.execute("INSERT INTO bench_feedback VALUES ($1, $2)", name, payload)
            await self.connection.execute("INSERT INTO bench_outbox VALUES ($1, $2)", name, payload)
        if self.kafka is not None:
            producer, consumer, topic = self.kafka
            await producer.send_and_wait(topic, payload.encode())
            payload = (await consumer.getone()).value.decode()
        now = datetime.now(UTC)
        headers = {
            "webhook-id": str(name),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self.signer.sign(str(name), now, payload),
        }
        async with self.session.post(self.url, data=payload, headers=headers) as answer:
            await answer.read()
        return str(name)


@asynccontextmanager
async def broker_pair(bootstrap: str) -> AsyncIterator[tuple[AIOKafkaProducer, AIOKafkaConsumer, str]]:
    """Open a producer and a consumer of a new topic that is made like ours, and see one message through."""
    prefix = f"bench-{uuid4().hex[:8]}"
    (topic,) = await create_topics(Settings(kafka_bootstrap=bootstrap, kafka_replication=1), ["trip"], prefix=prefix)
    async with (
        AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer,
        AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer,
    ):
        await producer.send_and_wait(topic, b"{}")
        await consumer.getone()
        yield producer, consumer, topic


@asynccontextmanager
async def bare(database_url: str, url: str, bootstrap: str | None) -> AsyncIterator[Bare]:
    """Open what the bare round trip needs."""
    connection = await asyncpg.connect(**connect_arguments(database_url))
    await connection.execute(SCRATCH)
    async with aiohttp.ClientSession() as session:
        trip = Bare(connection, session, url)
        if bootstrap is None:
            yield trip
        else:
            async with broker_pair(bootstrap) as trip.kafka:
                yield trip
    await connection.close()


async def measure(deployment: Deployment, url: str, *, bootstrap: str | None) -> list[Line]:
    """Post and do the bare round trip in turn, then compare when the receiver saw each."""
    way = "Kafka, four processes" if bootstrap else "embedded"
    notifications = deployment.client("notifications")
    answer = await notifications.post("/v1/webhooks", json={"url": url, "event_types": ["feedback.received"]})
    assert answer.status_code == 201, answer.text
    began_ours: dict[str, float] = {}
    began_bare: dict[str, float] = {}
    async with bare(deployment.database_urls["feedback"], url, bootstrap) as trip:

        async def post(number: int) -> str:  # with the client of the bare round trip
            async with trip.session.post(
                f"{deployment.urls['feedback']}/v1/feedback",
                data=body(number),
                headers={"Authorization": f"Bearer {deployment.key}", "Content-Type": "application/json"},
            ) as answer:
                assert answer.status == 201, await answer.text()
                return str((await answer.json())["id"])

        for warm in range(20):
            await post(warm)
            await trip.once(warm)
        await asyncio.sleep(2)
        await arrivals(url)
        for number in range(POSTS):
            began = time.time()
            began_ours[await post(number)] = began
            await asyncio.sleep(PAUSE_SECONDS)
            began = time.time()
            began_bare[await trip.once(number)] = began
            await asyncio.sleep(PAUSE_SECONDS)
    await asyncio.sleep(3)
    arrived = await arrivals(url)
    events = await deployment.fetch("feedback", "SELECT event_id, payload FROM outbox WHERE type = 'feedback.received'")
    event_of = {json.loads(row["payload"])["data"]["feedback_id"]: str(row["event_id"]) for row in events}
    ours = [1000 * (arrived[event_of[post]] - at) for post, at in began_ours.items()]
    base = [1000 * (arrived[name] - at) for name, at in began_bare.items()]
    lines = []
    for name, share in (("p50", 0.50), ("p99", 0.99)):
        mine, theirs = percentile(ours, share), percentile(base, share)
        ratio = mine / theirs
        lines.append(
            Line(
                section="end to end",
                what=f"{way}: request → webhook received, {name} of {POSTS}",
                ours=f"{mine:.1f} ms",
                baseline=f"bare round trip {theirs:.1f} ms",
                ratio=ratio,
                goal=f"≤ {GOAL:.0f} × bare" if name == "p50" else "",
                met=ratio <= GOAL if name == "p50" else None,
            )
        )
    return lines
