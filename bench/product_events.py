"""Products' events of ten greedy workspaces beside those of a healthy one, which captures, asks and imports a little.

The greedy capture in batches of 100 over two connections each, ask funnels over 20,000 events each over two more, and begin imports.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from bench.crowd import Caller
from bench.neighbours import (
    GREEDY,
    HEALTHY,
    PATIENCE_SECONDS,
    Neighbours,
    Phase,
    arrived_by,
    compare,
    neighbours,
    ok,
    paced,
)
from bench.report import Line

EVENTS = 20_000
"""Of each greedy workspace, at the beginning."""
BATCH = 1_000
BATCH_GREEDY = 100
IMPORTED = 20_000
"""Rows of each file that a greedy workspace imports; it has two on their way."""
STEPS = [{"event": name} for name in ("e0", "e1", "e2", "e3")]
CSV = {"Content-Type": "text/csv"}


def batch(size: int, *, people: int = 500) -> dict[str, Any]:
    """Return a body of Segment's clients, without names of messages: each copy is new."""
    now = datetime.now(UTC)
    return {
        "batch": [
            {
                "type": "track",
                "event": f"e{number % 8}",
                "userId": f"u{number % people}",
                "timestamp": (now - timedelta(minutes=number % 20_000)).isoformat(),
                "properties": {"amount": number, "plan": "pro"},
            }
            for number in range(size)
        ]
    }


async def product_events(folder: Path) -> list[Line]:
    """The healthy workspace's own insights and captures, then its own small imports from the upload to their end."""
    settings = {"OPSLOOP_RATE_LIMIT_WORKSPACE_PER_SECOND": "1000"}
    async with neighbours(folder, "metrics", **settings) as town:
        for one in GREEDY:
            await _fill(town, one, EVENTS)
        await _fill(town, HEALTHY, BATCH)
        asked = await compare(town, _asks(town), _greedy(town))
        imported = await compare(town, _imports(town), _greedy(town), lambda: _import_greedily(town))
    served = ", ".join(f"{count:,} × {status}" for status, count in sorted(asked.greedy.items()))
    return [
        *asked.lines(f"insight, capture (the others: {served})"),
        *imported.lines("small import: asked → finished"),
    ]


async def _fill(town: Neighbours, workspace: str, count: int) -> None:
    client = town.client("metrics", workspace)
    for _ in range(count // BATCH):
        await ok(client.post("/v1/batch", json=batch(BATCH)))


def _greedy(town: Neighbours) -> list[Caller]:
    query = {"steps": STEPS, "window": "P14D", "breakdown": {"field": "properties.plan", "limit": 5}}
    return [
        *town.callers("metrics", ["/v1/batch"], each=2, body=batch(BATCH_GREEDY)),
        *town.callers("metrics", ["/v1/insights/funnel"], each=2, body=query),
    ]


def _asks(town: Neighbours) -> Phase:
    client = town.client("metrics")
    trend = {"series": [{"event": "e1", "aggregate": "users"}]}
    asks: list[Callable[[], Awaitable[httpx.Response]]] = [
        lambda: client.post("/v1/insights/trends", json=trend),
        lambda: client.post("/v1/batch", json=batch(1)),
    ]

    async def phase(numbers: range) -> list[float]:
        took: list[float] = []

        async def ask(number: int) -> None:
            began = time.perf_counter()
            answer = await asks[number % len(asks)]()
            took.append(1000 * (time.perf_counter() - began if answer.is_success else PATIENCE_SECONDS))

        await paced(ask, numbers)
        return took

    return phase


def _file(rows: int) -> bytes:
    name = uuid4().hex
    lines = (f"e{number % 8},2026-01-02T03:04:05Z,u{number % 500},{name}-{number}\n" for number in range(rows))
    return ("event,time,user_id,message_id\n" + "".join(lines)).encode()


async def _import_greedily(town: Neighbours) -> None:
    for one in GREEDY:
        for _ in range(2):
            await ok(town.client("metrics", one).post("/v1/imports", content=_file(IMPORTED), headers=CSV))


def _imports(town: Neighbours) -> Phase:
    client = town.client("metrics")

    async def seen() -> dict[str, float]:
        rows = await town.deployment.fetch(
            "metrics",
            "SELECT job_id::text, extract(epoch FROM finished_at)::float AS at FROM event_import "
            "WHERE workspace = $1 AND finished_at IS NOT NULL",
            HEALTHY,
        )
        return {row["job_id"]: row["at"] for row in rows}

    async def phase(numbers: range) -> list[float]:
        began: dict[str, float] = {}

        async def bring(number: int) -> None:
            if number % 5:  # a workspace has five on their way at most
                return
            at = time.time()
            answer = await client.post("/v1/imports", content=_file(5), headers=CSV)
            # one too many on their way: those before it were slow, and this one counts as never done
            began[answer.json()["job_id"] if answer.is_success else f"refused {number}"] = at

        await paced(bring, numbers)
        return await arrived_by(began, seen)

    return phase
