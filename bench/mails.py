"""Mails a second to a server that answers after 5 ms a mail, by one worker process and by two, beside a bare client of the same run."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiosmtplib
import httpx
import psutil
from pydantic import SecretStr

from bench.report import Line, median
from bench.world import QUIET, Databases, wait_for_port
from opsloop_common.clock import SystemClock
from opsloop_common.contracts.campaigns import MessageRequested
from opsloop_common.contracts.campaigns.sending import MessageContent
from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_common.limits import MAIL_CONNECTIONS
from opsloop_common.outbox.append import event_from
from opsloop_common.runner.build import build_runtime
from opsloop_common.service import Runtime
from opsloop_common.testing.events import deliver
from opsloop_notifications.app import SERVICE
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.recipients.rules import Said
from opsloop_notifications.recipients.service import take_many
from opsloop_notifications.settings import NotificationsSettings
from tests.harness import SECRET_KEY, Process, connect, environment, eventually, free_port

MAILS = 10_000
AT_ONCE = 500  # recipients of a request
GOAL, GOAL_BOTH = 1_000.0, 1.8
DEADLINE_SECONDS = 120.0
SENDER, SUBJECT = "OpsLoop <opsloop@example.test>", "支付问题正在修复"
BODY = (
    "您好，\n\n您反馈的支付问题正在修复，款项会原路退回。\n\nWe are mending payments; what was charged twice comes back.\n"
    * 4
)


@dataclass(frozen=True)
class Server:
    """The mail server: where mail goes, and where it tells what came."""

    port: int
    told: str

    async def arrivals(self) -> list[float]:
        """Return when each mail came since it was last asked."""
        async with httpx.AsyncClient() as client:
            found: list[float] = (await client.get(self.told)).json()
            return found


@contextmanager
def counter(folder: Path) -> Iterator[Server]:
    """Run the mail server."""
    port, told = free_port(), free_port()
    command = [sys.executable, "-m", "bench.mail_counter", str(port), str(told)]
    process = Process("mail-counter", command, environment(), folder / "mail-counter.log")
    process.start()
    try:
        wait_for_port(port, process)
        yield Server(port, f"http://127.0.0.1:{told}/")
    finally:
        process.kill9()


async def bare_client(server: Server, *, seconds: float) -> float:
    """Send the same words with the same library over as many connections, without any database; mails a second."""
    content = f"From: {SENDER}\r\nSubject: x\r\n\r\n{BODY}".replace("\n", "\r\n").encode()
    end, done = time.perf_counter() + seconds, 0

    async def send() -> None:
        nonlocal done
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=server.port, start_tls=False, use_tls=False) as client:
            while time.perf_counter() < end:
                await client.sendmail("opsloop@example.test", [f"u{done}@example.test"], content)
                done += 1

    began = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(MAIL_CONNECTIONS)))
    return done / (time.perf_counter() - began)


@asynccontextmanager
async def _runtime(url: str) -> AsyncIterator[Runtime]:
    settings = NotificationsSettings(secret_key=SecretStr(SECRET_KEY))
    runtime = build_runtime(SERVICE, settings, database_url=url)
    try:
        async with runtime.opened():
            yield runtime
    finally:
        await runtime.db.close()


def _said(user: str) -> Said:
    fields = {"email": f"{user}@example.test", "locale": "zh"}
    return Said(fields, consent=("the customer's own list", SystemClock().now()))


async def ask(url: str) -> float:
    """Make the people, and have a campaign ask for a mail to each of them; mails asked for a second."""
    users = [f"u{number}" for number in range(MAILS)]
    chunks = [users[start : start + AT_ONCE] for start in range(0, MAILS, AT_ONCE)]
    context, id = Context(workspace="default"), uuid7()
    contents = [MessageContent(locale="zh", subject=SUBJECT, body=BODY)]
    async with _runtime(url) as runtime:
        for chunk in chunks:
            async with runtime.db.transaction(context) as session:
                await take_many(session, [(user, _said(user)) for user in chunk])
        began = time.perf_counter()
        for number, chunk in enumerate(chunks, start=1):
            data = MessageRequested(campaign_id=id, message_id=id, channel="email", user_ids=chunk, contents=contents)
            now = SystemClock().now()
            event = event_from(
                data, id=uuid4(), time=now, source="/opsloop/campaigns", context=context, sequence=number
            )
            await deliver(runtime.db, MESSAGES, event)
        return MAILS / (time.perf_counter() - began)


@dataclass(frozen=True)
class Sent:
    """How fast a run was: mails a second from the first to the last, what a mail took of the workers' processors, and
    how much of all the machine's processors the whole run took, with the database and the mail server."""

    rate: float
    cpu_ms: float
    busy: float


async def sent_by_workers(url: str, server: Server, folder: Path, *, workers: int) -> Sent:
    """Run worker processes until no mail waits."""
    await server.arrivals()
    processes = [_worker(url, server, folder, number) for number in range(workers)]
    connection = await connect(url)

    async def empty() -> bool:
        for process in processes:
            assert not process.is_dead(), process.tail()
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM notification_queue)")

    for process in processes:
        process.start()
    psutil.cpu_percent()  # from here on
    try:
        await eventually(empty, within=DEADLINE_SECONDS, every=0.2, what="every mail recorded")
        busy = psutil.cpu_percent() / 100
        spent = sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in processes)
        statuses = await connection.fetch("SELECT status, count(*) FROM notification GROUP BY 1")
    finally:
        for process in processes:
            process.terminate()
        await connection.close()
    assert {row["status"]: row["count"] for row in statuses} == {"sent": MAILS}, statuses
    arrivals = sorted(await server.arrivals())
    assert len(arrivals) == MAILS, f"{len(arrivals)} mails came"
    half = arrivals[MAILS // 4 : -MAILS // 20]  # all of the workers have started, none is done
    return Sent(len(half) / (half[-1] - half[0]), spent * 1_000 / MAILS, busy)


def _worker(url: str, server: Server, folder: Path, number: int) -> Process:
    variables = environment(
        OPSLOOP_BUS="kafka",
        OPSLOOP_KAFKA_BOOTSTRAP="127.0.0.1:1",  # what is to be sent is there already: nothing is heard meanwhile
        NOTIFICATIONS_DATABASE_URL=url,
        OPSLOOP_SMTP_URL=f"smtp://127.0.0.1:{server.port}",
        OPSLOOP_MAIL_FROM=SENDER,
        OPSLOOP_INSTANCE=f"notifications-{number}",
        OPSLOOP_PORT=str(free_port()),
        **QUIET,
    )
    command = [sys.executable, "-m", "opsloop_notifications", "serve", "--role", "worker"]
    return Process(f"notifications-{number}", command, variables, folder / f"notifications-{number}.log")


async def measure(databases: Databases, folder: Path, *, seconds: float, rounds: int) -> list[Line]:
    """Measure the bare client, one worker and two in turn, and compare their medians."""
    bare, asked = [], []
    sent: dict[int, list[Sent]] = {1: [], 2: []}
    with counter(folder) as server:
        for round in range(rounds):
            bare.append(await bare_client(server, seconds=seconds))
            for workers, found in sent.items():
                url = await databases.migrated("notifications", f"mails_{round}_{workers}")
                asked.append(await ask(url))
                found.append(await sent_by_workers(url, server, folder, workers=workers))
                await databases.drop(url)
    one, two = (median([each.rate for each in sent[workers]]) for workers in (1, 2))
    both = median([second.rate / first.rate for first, second in zip(sent[1], sent[2], strict=True)])
    took = {
        workers: f"{median([each.cpu_ms for each in found]):.2f} ms CPU a mail, "
        f"{median([each.busy for each in found]):.0%} of the machine"
        for workers, found in sent.items()
    }
    beside = f"bare client {median(bare):,.0f}/s over {MAIL_CONNECTIONS} connections"
    return [
        Line(
            section="mails",
            what=f"{MAILS:,} mails by one worker to a server that answers after 5 ms",
            ours=f"{one:,.0f}/s, {took[1]}",
            baseline=beside,
            ratio=one / median(bare),
            goal=f"≥ {GOAL:,.0f}/s",
            met=one >= GOAL,
        ),
        Line(
            section="mails",
            what="the same by two workers",
            ours=f"{two:,.0f}/s, {took[2]}",
            baseline=f"one worker {one:,.0f}/s",
            ratio=both,
            goal=f"≥ {GOAL_BOTH} of one",
            met=both >= GOAL_BOTH,
        ),
        Line(section="mails", what="a campaign's mails asked for", ours=f"{median(asked):,.0f} mails/s", baseline=""),
    ]
