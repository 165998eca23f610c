"""From an accepted post to the first attempts at 1, 10 and 100 endpoints at half load, and beside one endpoint that hangs."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx

from bench.end_to_end import bare, receiver
from bench.intake import body
from bench.load import percentile
from bench.process import pss_mb
from bench.report import Line, median
from bench.world import all_in_one, started
from tests.harness import Deployment, eventually

ENDPOINTS = (1, 10, 100)
GOAL_WAIT, GOAL_BESIDE = 50.0, 3.0
BURST = 2_000  # deliveries by which the full load is found
PATIENCE_SECONDS = 60.0
TRIPS = 100


@dataclass(frozen=True)
class Waits:
    """How long after its post was accepted each first attempt came, in milliseconds, at so many deliveries a second."""

    milliseconds: list[float]
    rate: float

    @property
    def p50(self) -> float:
        return percentile(self.milliseconds, 0.50)

    @property
    def p99(self) -> float:
        return percentile(self.milliseconds, 0.99)


class Bench:
    """A deployment, and the receiver of all its endpoints."""

    def __init__(self, deployment: Deployment, url: str) -> None:
        self.deployment, self.url = deployment, url
        self.ids: list[str] = []
        self.accepted: dict[str, float] = {}

    async def subscribe(self, count: int) -> None:
        """Add endpoints."""
        client = self.deployment.client("notifications")
        for _ in range(count):
            asked = {"url": f"{self.url}{len(self.ids)}", "event_types": ["feedback.received"]}
            answer = await client.post("/v1/webhooks", json=asked)
            assert answer.status_code == 201, answer.text
            self.ids.append(answer.json()["id"])

    async def have_one_hang(self) -> None:
        """Let the last endpoint answer nothing any more."""
        client = self.deployment.client("notifications")
        answer = await client.patch(f"/v1/webhooks/{self.ids.pop()}", json={"url": f"{self.url}hang"})
        assert answer.status_code == 200, answer.text

    @property
    def endpoints(self) -> int:
        """Return how many endpoints answer."""
        return len(self.ids)

    async def post(self, session: aiohttp.ClientSession, number: int) -> None:
        """Post once, and remember when that was answered."""
        url, headers = f"{self.deployment.urls['feedback']}/v1/feedback", {"Content-Type": "application/json"}
        headers["Authorization"] = f"Bearer {self.deployment.key}"
        async with session.post(url, data=body(number), headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            self.accepted[str((await answer.json())["id"])] = time.time()

    async def arrivals(self, posts: int) -> dict[str, float]:
        """Return when each `<event id> <path>` came, once all did."""
        seen: dict[str, float] = {}
        async with httpx.AsyncClient(trust_env=False) as client:

            async def all_came() -> bool:
                seen.update((await client.get(f"{self.url}each")).json()["arrived"])
                return len(seen) >= posts * self.endpoints

            await eventually(all_came, within=PATIENCE_SECONDS, every=0.5, what="every first attempt")
        return seen

    async def full_load(self) -> float:
        """Return how many deliveries a second are made of posts that come all at once."""
        posts = -(-BURST // self.endpoints)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as session:
            began = time.time()
            await asyncio.gather(*[self.post(session, number) for number in range(posts)])
            arrived = await self.arrivals(posts)
        return len(arrived) / (max(arrived.values()) - began)

    async def waits(self, rate: float, *, seconds: float) -> Waits:
        """Post evenly, so that `rate` deliveries a second are due, and return how long each first attempt took to come."""
        self.accepted.clear()
        pause, posts = self.endpoints / rate, max(5, int(seconds * rate / self.endpoints))
        async with aiohttp.ClientSession() as session:
            began, tasks = time.monotonic(), []
            for number in range(posts):
                tasks.append(asyncio.create_task(self.post(session, number)))
                await asyncio.sleep(max(0.0, began + (number + 1) * pause - time.monotonic()))
            await asyncio.gather(*tasks)
        arrived = await self.arrivals(posts)
        asked = "SELECT event_id, payload FROM outbox WHERE type = 'feedback.received'"
        events = await self.deployment.fetch("feedback", asked)
        post_of = {str(row["event_id"]): json.loads(row["payload"])["data"]["feedback_id"] for row in events}
        took = []
        for name, at in arrived.items():
            accepted = self.accepted.get(post_of.get(name.partition(" ")[0], ""))
            if accepted is not None:
                took.append(1000 * max(0.0, at - accepted))
        return Waits(took, rate)


async def measure(folder: Path, *, seconds: float) -> list[Line]:
    """Measure each number of endpoints in a deployment of its own, and the last one once more beside one that hangs."""
    lines: list[Line] = []
    with receiver(folder) as sink:
        for endpoints in ENDPOINTS:
            place = folder / str(endpoints)
            place.mkdir()
            async with started(all_in_one(place)) as deployment:
                bench = Bench(deployment, sink)
                await bench.subscribe(endpoints)
                trips = await _bare_trips(deployment, sink)
                rate = await bench.full_load()
                found = await bench.waits(rate / 2, seconds=seconds)
                lines += _lines(endpoints, rate, found, trips)
                if endpoints == ENDPOINTS[-1]:
                    lines += await _beside_hanging(bench, rate / 2, seconds=seconds)
    return lines


async def _bare_trips(deployment: Deployment, sink: str) -> list[float]:
    trips = []
    async with bare(deployment.database_urls["feedback"], sink, None) as trip:
        for number in range(TRIPS):
            began = time.perf_counter()
            await trip.once(number)
            trips.append(1000 * (time.perf_counter() - began))
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(sink)  # what they left there
    return trips


def _lines(endpoints: int, rate: float, found: Waits, trips: list[float]) -> list[Line]:
    base = median(trips)
    return [
        Line(
            section="deliveries.endpoints",
            what=f"{endpoints} endpoints, at half of {rate:,.0f} deliveries/s: accepted → first attempt, {name}",
            ours=f"{value:.1f} ms",
            baseline=f"bare round trip p50 {base:.2f} ms",
            ratio=value / base,
            goal=f"< {GOAL_WAIT:.0f} × bare" if name == "p99" else "",
            met=value / base < GOAL_WAIT if name == "p99" else None,
        )
        for name, value in (("p50", found.p50), ("p99", found.p99))
    ]


async def _beside_hanging(bench: Bench, rate: float, *, seconds: float) -> list[Line]:
    pid = bench.deployment.processes["opsloop"].pid
    alone, before = await bench.waits(rate, seconds=seconds), pss_mb(pid)
    await bench.have_one_hang()
    beside, after = await bench.waits(rate, seconds=seconds), pss_mb(pid)
    ratio = beside.p99 / alone.p99
    return [
        Line(
            section="deliveries.hanging",
            what=f"{bench.endpoints} endpoints beside one that hangs: accepted → first attempt, p99",
            ours=f"{beside.p99:.1f} ms; {after - before:+.0f} MB",
            baseline=f"alone {alone.p99:.1f} ms",
            ratio=ratio,
            goal=f"≤ {GOAL_BESIDE:.0f} × alone",
            met=ratio <= GOAL_BESIDE,
        )
    ]
