"""One healthy workspace and ten greedy ones in a running OpsLoop: their keys, their clients, and what the healthy one waits for."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from bench.crowd import Caller, written
from bench.load import percentile
from bench.report import Line
from bench.world import all_in_one, started
from tests.harness import Deployment, connect, environment

HEALTHY = "healthy"
GREEDY = [f"greedy{number}" for number in range(10)]
FURTHER = {"metrics": ("capture",)}
"""Scopes that a service has besides."""
PER_SECOND = 5
SECONDS = 8.0  # alone, and again beside the others
WARM_SECONDS = 3.0  # the others have these to themselves
PATIENCE_SECONDS = 15.0  # what has not come by then counts as that long
TIMES, MORE_MS = 3.0, 50.0
GOAL = f"≤ {TIMES:.0f} × alone or + {MORE_MS:.0f} ms"


@dataclass
class Waited:
    """Milliseconds that the healthy workspace waited, by what for."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    greedy: Counter[str] = field(default_factory=Counter)
    """What became of the others' requests, by status."""

    def lines(self, what: str) -> list[Line]:
        """Compare p50 and p99."""
        return [
            self._line(f"{what}, {name} of {len(self.beside)}", share) for name, share in (("p50", 0.5), ("p99", 0.99))
        ]

    def _line(self, what: str, share: float) -> Line:
        alone, beside = percentile(self.alone, share), percentile(self.beside, share)
        return Line(
            section="fairness",
            what=what,
            ours=f"{beside:,.1f} ms beside ten greedy workspaces ({beside - alone:+,.1f} ms)",
            baseline=f"alone {alone:.1f} ms",
            ratio=beside / alone,
            goal=GOAL,
            met=beside <= max(TIMES * alone, alone + MORE_MS),
        )


class Neighbours:
    """The workspaces of one deployment."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment = deployment
        self.folder = folder
        self.keys: dict[tuple[str, str], str] = {}
        self._clients: dict[tuple[str, str], httpx.AsyncClient] = {}

    async def make_keys(self, *services: str) -> None:
        """Make each workspace a key of each service, and have the service know it."""
        for service in services:
            scopes = [f"{service}:{level}" for level in ("read", "write", "admin", *FURTHER.get(service, ()))]
            operator = self.deployment.client(service)
            for workspace in (HEALTHY, *GREEDY):
                wanted = {"name": "bench", "workspace": workspace, "scopes": scopes}
                made = await ok(operator.post("/v1/api-keys", json=wanted))
                self.keys[service, workspace] = made["key"]
                await ok(self.client(service, workspace).get("/v1/workspace"))

    def client(self, service: str, workspace: str = HEALTHY) -> httpx.AsyncClient:
        """Return the client of a workspace."""
        if (service, workspace) not in self._clients:
            self._clients[service, workspace] = self.deployment.client(service, key=self.keys[service, workspace])
        return self._clients[service, workspace]

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[asyncpg.Connection]:
        """Open a service's database as its owner, past row-level security."""
        connection = await connect(self.deployment.database_urls[service])
        try:
            yield connection
        finally:
            await connection.close()

    def callers(
        self, service: str, paths: list[str], *, each: int = 1, body: dict[str, Any] | None = None, pause: float = 0.0
    ) -> list[Caller]:
        """Return `each` connections of every greedy workspace to one service."""
        urls = [f"{self.deployment.urls[service]}{path}" for path in paths]
        turned = [urls[number % len(urls) :] + urls[: number % len(urls)] for number in range(each)]
        return [Caller(self.keys[service, one], round, body, pause) for one in GREEDY for round in turned]

    @asynccontextmanager
    async def crowd(self, callers: list[Caller], seconds: float) -> AsyncIterator[Counter[str]]:
        """Let the greedy call for some seconds; the answers are counted when the block has ended."""
        statuses: Counter[str] = Counter()
        path = written(callers, self.folder / "crowd.json")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.crowd", str(path), str(seconds)),
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield statuses
            said, _ = await asyncio.wait_for(process.communicate(), seconds + 15)
            statuses.update(json.loads(said))
        finally:
            if process.returncode is None:
                process.kill()


async def ok(asked: Awaitable[httpx.Response]) -> Any:
    """Return what a request answered; an AssertionError when that is no success."""
    answer = await asked
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


async def paced(act: Callable[[int], Awaitable[None]], numbers: range) -> None:
    """Do something with each number, five times a second, whether or not the time before has ended."""
    began, acting = time.monotonic(), list[asyncio.Future[None]]()
    for place, number in enumerate(numbers):
        await asyncio.sleep(max(0.0, began + place / PER_SECOND - time.monotonic()))
        acting.append(asyncio.ensure_future(act(number)))
    await asyncio.gather(*acting)


async def arrived_by(began: dict[Any, float], seen: Callable[[], Awaitable[dict[Any, float]]]) -> list[float]:
    """Wait until all that began was seen; milliseconds each took, of what never came those that were waited."""
    end, found = time.monotonic() + PATIENCE_SECONDS, await seen()
    while time.monotonic() < end and not found.keys() >= began.keys():
        await asyncio.sleep(0.5)
        found |= await seen()
    return [1000 * (found.get(name, at + PATIENCE_SECONDS) - at) for name, at in began.items()]


ASKED = int(SECONDS * PER_SECOND)
FIRST = range(10)  # slower than what follows
ALONE = range(FIRST.stop, FIRST.stop + ASKED)
BESIDE = range(ALONE.stop, ALONE.stop + ASKED)

Phase = Callable[[range], Awaitable[list[float]]]


@asynccontextmanager
async def neighbours(folder: Path, *services: str, **settings: str) -> AsyncIterator[Neighbours]:
    """Start OpsLoop with a key of these services for each workspace."""
    async with started(all_in_one(folder, **settings)) as deployment:
        town = Neighbours(deployment, folder)
        await town.make_keys(*services)
        yield town


async def compare(
    town: Neighbours, phase: Phase, callers: list[Caller], begin: Callable[[], Awaitable[None]] | None = None
) -> Waited:
    """Let the healthy workspace do the same alone and beside the others, who had three seconds to themselves."""
    await phase(FIRST)
    waited = Waited(alone=await phase(ALONE))
    if begin is not None:
        await begin()
    async with town.crowd(callers, SECONDS + 2 * WARM_SECONDS) as statuses:
        await asyncio.sleep(WARM_SECONDS)
        waited.beside = await phase(BESIDE)
    waited.greedy = statuses
    return waited
