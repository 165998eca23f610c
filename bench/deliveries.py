"""Webhook deliveries a second, durable and signed, beside bare commits and a bare signed sender of the same run."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
from pydantic import SecretStr
from standardwebhooks import Webhook as Signer

from bench.end_to_end import receiver
from bench.report import Line, median
from bench.world import QUIET, Databases
from opsloop_common.clock import SystemClock
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import Author, FeedbackReceived
from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_common.outbound.client import policy_from
from opsloop_common.outbox.append import event_from
from opsloop_common.runner.build import build_runtime
from opsloop_common.service import Runtime
from opsloop_common.testing.events import deliver
from opsloop_notifications.app import SERVICE
from opsloop_notifications.endpoints.schemas import WebhookIn
from opsloop_notifications.endpoints.service import create_webhook
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.settings import NotificationsSettings
from tests.harness import SECRET_KEY, Process, connect, connect_arguments, environment, eventually, free_port

DELIVERIES = 10_000
ENDPOINTS = (1, 10, 100)
BACKLOG, BACKLOG_ENDPOINTS = 100_000, 100
GOAL = 0.40
IN_FLIGHT = 32
EVENTS_AT_ONCE = 200  # as the bus hands them on
DEADLINE_SECONDS = 120.0
INSERT = "INSERT INTO bench_commit VALUES ($1, $2)"


async def bare_commits(url: str, *, seconds: float) -> float:
    """Commit single rows on 32 connections; rows a second."""
    pool = await asyncpg.create_pool(**connect_arguments(url), min_size=32, max_size=32)
    await pool.execute("CREATE TABLE IF NOT EXISTS bench_commit (id uuid PRIMARY KEY, body text NOT NULL)")
    body, done = "x" * 400, 0
    end = time.perf_counter() + seconds

    async def commit() -> None:
        nonlocal done
        async with pool.acquire() as connection:
            insert = await connection.prepare(INSERT)
            while time.perf_counter() < end:
                await insert.fetch(uuid4(), body)
                done += 1

    began = time.perf_counter()
    await asyncio.gather(*(commit() for _ in range(32)))
    took = time.perf_counter() - began
    await pool.close()
    return done / took


async def bare_sender(url: str, *, seconds: float) -> float:
    """Sign and POST without any database, 32 in flight; POSTs a second."""
    signer, body, numbers = Signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "x" * 600, itertools.count()
    end = time.perf_counter() + seconds
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

        async def send() -> None:
            while time.perf_counter() < end:
                now, name = datetime.now(UTC), f"msg_{next(numbers)}"
                headers = {
                    "webhook-id": name,
                    "webhook-timestamp": str(int(now.timestamp())),
                    "webhook-signature": signer.sign(name, now, body),
                }
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))
        return next(numbers) / (time.perf_counter() - began)


@asynccontextmanager
async def _runtime(url: str) -> AsyncIterator[Runtime]:
    settings = NotificationsSettings(
        secret_key=SecretStr(SECRET_KEY), outbound="allowlist", outbound_allow="127.0.0.0/8"
    )
    runtime = build_runtime(SERVICE, settings, database_url=url)
    try:
        async with runtime.opened():
            yield runtime
    finally:
        await runtime.db.close()


async def plan(url: str, receiver_url: str, *, endpoints: int, deliveries: int = DELIVERIES) -> float:
    """Add the endpoints and let the service's own consumer hear the events; deliveries planned a second."""
    async with _runtime(url) as runtime:
        for number in range(endpoints):
            asked = WebhookIn(url=f"{receiver_url}{number}", event_types=["feedback.received"])
            fields = asked.model_dump(exclude={"secret"})
            async with runtime.db.transaction(Context(workspace="default")) as session:
                policy = policy_from(runtime.settings)
                await create_webhook(session, fields, secret=None, policy=policy, secrets=runtime.secrets)
        heard = [_event(number) for number in range(-(-deliveries // endpoints))]
        began = time.perf_counter()
        for start in range(0, len(heard), EVENTS_AT_ONCE):
            await deliver(runtime.db, WEBHOOKS, *heard[start : start + EVENTS_AT_ONCE])
        return len(heard) * endpoints / (time.perf_counter() - began)


def _event(number: int) -> Event:
    now = SystemClock().now()
    data = FeedbackReceived(
        feedback_id=uuid7(),
        number=number,
        kind="bug",
        severity="s2",
        sentiment=-0.5,
        channel="api",
        tags=[],
        author=Author(user_id=f"u{number % 100}"),
        occurred_at=now,
    )
    context = Context(workspace="default")
    return event_from(data, id=uuid7(), time=now, source="/opsloop/feedback", context=context, sequence=1)


async def sent_by_worker(url: str, folder: Path) -> float:
    """Run the worker process until the queue is empty; deliveries recorded a second, the first batch not counted."""
    variables = environment(
        OPSLOOP_BUS="kafka",
        OPSLOOP_KAFKA_BOOTSTRAP="127.0.0.1:1",  # the queue is full already: nothing is heard meanwhile
        NOTIFICATIONS_DATABASE_URL=url,
        OPSLOOP_PORT=str(free_port()),
        **QUIET,
    )
    command = [sys.executable, "-m", "opsloop_notifications", "serve", "--role", "worker"]
    worker = Process("notifications", command, variables, folder / "notifications.log")
    connection = await connect(url)

    async def empty() -> bool:
        assert not worker.is_dead(), worker.tail()
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM delivery_queue)")

    worker.start()
    try:
        await eventually(empty, within=DEADLINE_SECONDS, every=0.2, what="every delivery recorded")
        return await _rate(connection)
    finally:
        worker.terminate()
        await connection.close()


async def _rate(connection: asyncpg.Connection) -> float:
    statuses = await connection.fetch("SELECT status, count(*) FROM delivery GROUP BY 1")
    assert [row["status"] for row in statuses] == ["succeeded"], statuses
    batches = await connection.fetch("SELECT finished_at, count(*) FROM delivery GROUP BY 1 ORDER BY 1")
    recorded = sum(row["count"] for row in batches[1:])
    rate: float = recorded / (batches[-1]["finished_at"] - batches[0]["finished_at"]).total_seconds()
    return rate


async def drain(databases: Databases, folder: Path) -> list[Line]:
    """Plan a backlog, then have one worker make all of it."""
    with receiver(folder) as sink:
        url = await databases.migrated("notifications", "backlog")
        planned = await plan(url, sink, endpoints=BACKLOG_ENDPOINTS, deliveries=BACKLOG)
        began = time.perf_counter()
        rate = await sent_by_worker(url, folder)
        took = time.perf_counter() - began
    return [
        Line(
            section="deliveries.backlog",
            what=f"{BACKLOG:,} deliveries that wait at {BACKLOG_ENDPOINTS} endpoints, made by one worker from its start",
            ours=f"{took:.0f} s, {rate:,.0f}/s",
            baseline=f"planned at {planned:,.0f}/s",
            ratio=rate / planned,
        )
    ]


async def measure(databases: Databases, folder: Path, *, seconds: float, rounds: int) -> list[Line]:
    """Measure commits, the bare sender and our deliveries in turn, and compare their medians."""
    scratch = await databases.create_empty("bench_commits")
    commits, bare, planned = [], [], []
    ours: dict[int, list[float]] = {endpoints: [] for endpoints in ENDPOINTS}
    with receiver(folder) as sink:
        for round in range(rounds):
            commits.append(await bare_commits(scratch, seconds=seconds))
            bare.append(await bare_sender(sink, seconds=seconds))
            for endpoints in ENDPOINTS:
                url = await databases.migrated("notifications", f"deliveries_{round}_{endpoints}")
                planned.append(await plan(url, sink, endpoints=endpoints))
                ours[endpoints].append(await sent_by_worker(url, folder))
                await databases.drop(url)
    return [
        *[_line(endpoints, rates, commits, bare) for endpoints, rates in ours.items()],
        Line(
            section="deliveries",
            what="events heard, kept in the log, deliveries planned",
            ours=f"{median(planned):,.0f} deliveries/s",
            baseline="",
        ),
    ]


def _line(endpoints: int, rates: list[float], commits: list[float], bare: list[float]) -> Line:
    ratio = median([rate / base for rate, base in zip(rates, commits, strict=True)])
    return Line(
        section="deliveries",
        what=f"{DELIVERIES:,} durable, signed deliveries to {endpoints} endpoint{'s' if endpoints > 1 else ''}",
        ours=f"{median(rates):,.0f}/s",
        baseline=f"bare commits {median(commits):,.0f}/s (bare signed sender {median(bare):,.0f}/s)",
        ratio=ratio,
        goal=f"≥ {GOAL} of bare commits",
        met=ratio >= GOAL,
    )
