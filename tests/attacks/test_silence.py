"""Peers that fall silent: PostgreSQL, Kafka, mail servers and receivers whose connections are swallowed, slowed down or stopped.

Each test posts all the while, as a careful partner does, and says when posts were accepted again, and what `/healthz` saw.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest
from sqlalchemy.engine import make_url

from opsloop.data import postgres_dir
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.testing.prerequisites import end_without
from opsloop_common.testing.proxy import Proxy
from opsloop_feedback.app import SERVICE as FEEDBACK
from tests import harness
from tests.attacks.probe import watching
from tests.harness import Deployment, Process, eventually, postmasters

pytestmark = [pytest.mark.slow, pytest.mark.measured]

ACCEPTED_AGAIN_SECONDS = 10.0
ANSWER_SECONDS = 6.0  # 5 s, and what a busy machine adds
EVERY_SECONDS = 0.1
NO_TLS = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # each client would read all authorities' certificates for one of its own


@dataclass
class Posts:
    """What became of posts: each is sent again, under its key, until it was accepted."""

    accepted: dict[str, float] = field(default_factory=dict)
    """When each key's post was accepted, by the monotonic clock."""
    refused: list[tuple[float, int]] = field(default_factory=list)
    slowest: float = 0.0

    def accepted_after(self, moment: float) -> float:
        """Return how many seconds after `moment` a post was accepted that was sent after it."""
        return min((at for at in self.accepted.values() if at > moment), default=float("inf")) - moment


@asynccontextmanager
async def posting(url: str, key: str = harness.OPERATOR_KEY) -> AsyncIterator[Posts]:
    """Post ten times a second for the length of the block, and afterwards wait until everything was accepted."""
    posts, stop = Posts(), asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def begin() -> None:
        while not stop.is_set():
            tasks.add(asyncio.create_task(_post_until_accepted(url, key, posts)))
            await asyncio.sleep(EVERY_SECONDS)  # between two posts; stopped when the block ends

    beginning = asyncio.create_task(begin())
    await eventually(lambda: _true(len(posts.accepted) > 10), what="the first posts accepted")
    try:
        yield posts
    finally:
        stop.set()
        await beginning
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks)


async def _post_until_accepted(url: str, key: str, posts: Posts) -> None:
    """Post with a client of its own: in one for all 300 of a long outage, posts wait for one of its 100 connections, or their turn."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": (external_id := uuid4().hex)}
    feedback = {"body": "支付失败", "channel": "api", "external_id": external_id}
    async with httpx.AsyncClient(headers=headers, timeout=60.0, trust_env=False, verify=NO_TLS) as client:
        while True:
            began = time.monotonic()
            try:
                answer = await client.post(f"{url}/v1/feedback", json=feedback)
            except httpx.TransportError:
                continue
            now = time.monotonic()
            posts.slowest = max(posts.slowest, now - began)
            if answer.status_code in (200, 201):
                posts.accepted[external_id] = now
                return
            assert answer.status_code in (409, 503), answer.text
            assert "retry-after" in answer.headers
            posts.refused.append((now, answer.status_code))
            await asyncio.sleep(0.2)  # `posting` gives all of them 30 s at its end


async def _true(value: bool) -> bool:
    return value


async def _ready(url: str) -> tuple[int, dict[str, object], float]:
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
        answer = await client.get(f"{url}/readyz")
    return answer.status_code, answer.json(), time.monotonic() - began


@pytest.fixture
async def behind_proxy(run_folder: Path, databases) -> AsyncIterator[tuple[Deployment, Proxy]]:
    """The feedback service in a process of its own, its PostgreSQL behind a proxy."""
    database_url = await databases.create(FEEDBACK)
    name = make_url(database_url).database
    async with Proxy(str(databases.server.socket_dir / ".s.PGSQL.5432")).running() as proxy:
        port = harness.free_port()
        variables = harness.environment(
            OPSLOOP_PORT=str(port),
            OPSLOOP_BUS="local",
            FEEDBACK_DATABASE_URL=f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}",
            OPSLOOP_RATE_LIMIT_PER_SECOND="100000",
        )
        command = [sys.executable, "-m", "opsloop_feedback", "serve", "--role", "all"]
        process = Process("feedback", command, variables, run_folder / "feedback.log", is_forked=True)
        deployment = Deployment(
            {"feedback": process}, {"feedback": f"http://127.0.0.1:{port}"}, {"feedback": database_url}
        )
        process.start()
        try:
            await deployment.ready()
            yield deployment, proxy
        finally:
            proxy.open()
            await deployment.close()
    await databases.drop(database_url)


async def require_ledger(deployment: Deployment, posts: Posts) -> str:
    """Hold what is stored and published against what was accepted: nothing lost, nothing doubled."""

    async def one(sql: str) -> int:
        return int((await deployment.fetch("feedback", sql))[0][0])

    assert await one("SELECT count(*) FROM feedback") == len(posts.accepted)
    assert await one("SELECT count(DISTINCT external_id) FROM feedback") == len(posts.accepted)
    assert await one("SELECT count(*) FROM outbox WHERE type = 'feedback.received'") == len(posts.accepted)

    async def published() -> bool:
        return await one("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0

    await eventually(published, within=15, what="every event published")
    return f"{len(posts.accepted)} posts accepted, stored and published once, {len(posts.refused)} times 503"


async def _swallow(proxy: Proxy, seconds: float) -> None:
    """Swallow what is there; new connections work at once."""
    proxy.swallow()
    await asyncio.sleep(seconds)  # the outage


async def _shut(proxy: Proxy, seconds: float) -> None:
    """Swallow what is there and answer nothing new."""
    proxy.shut()
    await asyncio.sleep(seconds)  # the outage
    proxy.open()


async def _half_open(proxy: Proxy, seconds: float) -> None:
    proxy.deafen()
    await asyncio.sleep(seconds)  # the outage


async def _slow(proxy: Proxy, seconds: float) -> None:
    proxy.delay_seconds = 2.0
    await asyncio.sleep(seconds)  # the outage
    proxy.delay_seconds = 0.0


async def _reset(proxy: Proxy, seconds: float) -> None:
    await proxy.reset()
    await asyncio.sleep(seconds)  # the outage


Trouble = Callable[[Proxy, float], Awaitable[None]]
MODES = {"swallow": _swallow, "shut": _shut, "half-open": _half_open, "delay 2 s": _slow, "reset": _reset}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mode", ["swallow", "shut", "delay 2 s"])  # the others under `make soak`
async def test_postgresql_falls_silent(behind_proxy: tuple[Deployment, Proxy], mode: str):
    await _silence_postgresql(behind_proxy, mode, 6.0)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES)
async def test_soak_postgresql_falls_silent(behind_proxy: tuple[Deployment, Proxy], mode: str):
    await _silence_postgresql(behind_proxy, mode, 30.0)


async def _silence_postgresql(behind_proxy: tuple[Deployment, Proxy], mode: str, seconds: float) -> None:
    deployment, proxy = behind_proxy
    url = deployment.urls["feedback"]
    async with watching(f"{url}/healthz") as seen, posting(url) as posts:
        began = time.monotonic()
        trouble = asyncio.create_task(MODES[mode](proxy, seconds))
        await asyncio.sleep(2)  # in the middle of the outage
        status, said, took = await _ready(url)
        await trouble
        back = time.monotonic()
        await eventually(lambda: _true(posts.accepted_after(back) < 60), within=60, what="a post accepted again")
        await eventually(lambda: _is_ready(url), within=ACCEPTED_AGAIN_SECONDS, what="ready again")

    first = posts.accepted_after(began + 0.5)
    ledger = await require_ledger(deployment, posts)
    print(
        f"{mode} {seconds:.0f} s: accepted again {first:.1f} s after its begin, {posts.accepted_after(back):.1f} s after its end; "
        f"slowest answer {posts.slowest:.1f} s; /readyz {status} in {took:.1f} s {said['checks']}; {ledger}; /healthz {seen()}"
    )
    assert posts.accepted_after(back) < ACCEPTED_AGAIN_SECONDS
    assert posts.slowest < ANSWER_SECONDS
    assert took < 3.5
    assert status == (503 if mode == "shut" else status)
    seen().require()


async def _is_ready(url: str) -> bool:
    return (await _ready(url))[0] == 200


@asynccontextmanager
async def stopped(deployment: Deployment) -> AsyncIterator[None]:
    """Stop every process of the all-in-one's PostgreSQL for the length of the block, as a machine out of breath does."""
    processes = [psutil.Process(pid) for pid in postmasters(deployment)]
    processes += [child for process in processes for child in process.children(recursive=True)]
    assert processes
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seconds", [7.0, pytest.param(15.0, marks=pytest.mark.soak)])
async def test_the_embedded_postgresql_stands_still(embedded_deployment: Deployment, seconds: float):
    deployment = embedded_deployment
    base = deployment.urls["feedback"].removesuffix("/api/feedback")
    async with watching(f"{base}/healthz") as seen, posting(deployment.urls["feedback"]) as posts:
        async with stopped(deployment):
            await asyncio.sleep(1)  # in the middle of the outage
            status, said, took = await _ready(base)
            await asyncio.sleep(seconds - took - 1)  # the rest of the outage
        back = time.monotonic()
        await eventually(lambda: _true(posts.accepted_after(back) < 60), within=60, what="a post accepted again")
        await eventually(lambda: _is_ready(base), within=ACCEPTED_AGAIN_SECONDS, what="ready again")

    ledger = await require_ledger(deployment, posts)
    print(
        f"embedded PostgreSQL stopped for {seconds:.0f} s: accepted again {posts.accepted_after(back):.1f} s after it went on; "
        f"slowest answer {posts.slowest:.1f} s; /readyz {status} in {took:.1f} s {said}; {ledger}; /healthz {seen()}"
    )
    assert status == 503
    assert took < 3.5
    assert posts.accepted_after(back) < ACCEPTED_AGAIN_SECONDS
    assert posts.slowest < ANSWER_SECONDS
    seen().require()


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """Have a file system of its own below `folder`; skipped, or failed in CI, where none may be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        end_without(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Write a file that takes all the room there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return ballast


@pytest.mark.timeout(240)
async def test_the_disk_is_full(run_folder: Path):
    with small_disk(run_folder / "data", megabytes=256) as disk:
        deployment = harness.embedded(
            run_folder, socket_dir=lambda data_dir: PostgresServer(postgres_dir(data_dir)).socket_dir
        )
        deployment.processes["opsloop"].start()
        try:
            await deployment.ready()
            print(await _fill_and_free(deployment, disk))
        finally:
            await deployment.close()


async def _fill_and_free(deployment: Deployment, disk: Path) -> str:
    base, client = deployment.urls["feedback"].removesuffix("/api/feedback"), deployment.client("feedback")
    accepted: set[str] = set()

    async def post() -> httpx.Response:
        key = uuid4().hex
        answer = await client.post(
            "/v1/feedback", json={"body": f"{os.urandom(20_000).hex()}", "channel": "api", "external_id": key}
        )
        assert answer.status_code in (201, 503), answer.text
        if answer.status_code == 201:
            accepted.add(answer.json()["id"])
        return answer

    async def refused() -> httpx.Response | None:
        answer = await post()
        return answer if answer.status_code == 503 else None

    async def is_accepted() -> bool:
        return (await post()).status_code == 201

    async with watching(f"{base}/healthz") as seen:
        ballast = fill(disk)
        answer = await eventually(refused, what="a post refused")
        await asyncio.sleep(1.1)  # longer than an answer to /readyz is kept
        status, said, _ = await _ready(base)
        ballast.unlink()
        began = time.monotonic()
        await eventually(is_accepted, within=ACCEPTED_AGAIN_SECONDS, every=0.2, what="posts accepted again")
        seconds = time.monotonic() - began
        await eventually(lambda: _is_ready(base), within=ACCEPTED_AGAIN_SECONDS, what="ready again")

    stored = {str(row[0]) for row in await deployment.fetch("feedback", "SELECT id FROM feedback")}
    assert answer.json()["detail"] == "The database's disk is full: nothing can be stored."
    assert answer.headers["retry-after"] == "5"
    assert status == 503
    assert said["services"]["feedback"]["database"] == "disk full"  # type: ignore[index]
    assert stored == accepted
    seen().require()
    return (
        f"full disk: posts 503 “{answer.json()['detail']}”, /readyz {status} {said}; accepted again {seconds:.1f} s after there was "
        f"room; {len(accepted)} accepted, {len(stored)} stored; /healthz {seen()}"
    )
