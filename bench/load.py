"""A closed-loop HTTP load: N connections, each sends the next request when the last was answered. Loopback only."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True)
class Result:
    """What one load saw; latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int

    @property
    def rate(self) -> float:
        """Return answered requests a second."""
        return self.requests / self.seconds


async def closed_loop(
    url: str, bodies: Callable[[int], bytes], *, headers: dict[str, str], clients: int, seconds: float
) -> Result:
    """POST `bodies(0)`, `bodies(1)`, … to a loopback `url` for `seconds` over `clients` connections."""
    assert url.startswith("http://127.0.0.1:")
    numbers = itertools.count()
    latencies: list[float] = []
    errors = 0
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=clients), headers={"Content-Type": "application/json"} | headers
    ) as session:
        async with session.post(url, data=bodies(next(numbers))) as answer:
            text = await answer.text()
            assert answer.status < 300, text
        end = time.perf_counter() + seconds

        async def one_client() -> None:
            nonlocal errors
            while (began := time.perf_counter()) < end:
                async with session.post(url, data=bodies(next(numbers))) as answer:
                    await answer.read()
                    errors += answer.status >= 300
                latencies.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(one_client() for _ in range(clients)))
        took = time.perf_counter() - began
    ordered = sorted(latencies)
    return Result(
        requests=len(ordered),
        seconds=took,
        p50=1000 * statistics.median(ordered),
        p99=1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        errors=errors,
    )


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
