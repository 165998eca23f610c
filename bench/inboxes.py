"""A thousand people watch their inboxes: what the streams hold while nothing happens, and how soon each hears of a message to all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from bench.load import percentile
from bench.process import pss_mb
from bench.report import Line
from bench.world import all_in_one, started
from tests.harness import Deployment, eventually

PEOPLE = 1_000
GOAL_MB = 50
REST_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
ENTRY = b"event: entry"


class Watcher:
    """One open stream; when the entry came."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer, self.heard_at = answer, 0.0

    async def hear(self) -> None:
        """Read until an entry comes."""
        async for line in self.answer.content:
            if line.startswith(ENTRY):
                self.heard_at = time.perf_counter()
                return


@asynccontextmanager
async def watching(deployment: Deployment) -> AsyncIterator[list[Watcher]]:
    """Open a stream for each person."""
    base = f"{deployment.urls['notifications']}/v1/recipients"
    headers = {"Authorization": f"Bearer {deployment.key}", "Accept": "text/event-stream"}
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=None, sock_read=None)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=timeout))
        watchers = []
        for number in range(PEOPLE):
            answer = await session.get(f"{base}/u{number}/inbox/stream", headers=headers)
            assert answer.status == 200, await answer.text()
            watchers.append(Watcher(answer))
        yield watchers


async def bare_fan_out() -> float:
    """Write the same line to as many connections of a bare asyncio server; seconds until the last one has it."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, backlog=PEOPLE) as server:
        port = server.sockets[0].getsockname()[1]
        ends = [await asyncio.open_connection("127.0.0.1", port) for _ in range(PEOPLE)]

        async def all_are_here() -> bool:
            return len(writers) == PEOPLE

        await eventually(all_are_here, within=PATIENCE_SECONDS, every=0.01, what="every connection")
        began = time.perf_counter()
        for writer in writers:
            writer.write(ENTRY + b"\ndata: " + b"x" * 500 + b"\n\n")
        await asyncio.gather(*[reader.readline() for reader, _ in ends])
        took = time.perf_counter() - began
        for _, end in ends:
            end.close()
    return took


async def measure(folder: Path) -> list[Line]:
    """Open the streams, let them rest, and write to everybody: once, whatever the effort."""
    async with started(all_in_one(folder)) as deployment:
        client = deployment.client("notifications")
        for start in range(0, PEOPLE, 500):
            people = [{"user_id": f"u{number}"} for number in range(start, start + 500)]
            answer = await client.post("/v1/recipients:batch", json={"items": people})
            assert answer.status_code == 200, answer.text
        pid = deployment.processes["opsloop"].pid
        await asyncio.sleep(REST_SECONDS)
        before = pss_mb(pid)
        async with watching(deployment) as watchers:
            await asyncio.sleep(REST_SECONDS)
            held = pss_mb(pid) - before
            hearing = [asyncio.create_task(watcher.hear()) for watcher in watchers]
            began = time.perf_counter()
            for start in range(0, PEOPLE, 500):
                said = {
                    "contents": [{"locale": "zh", "inbox": {"title": "支付问题已修复", "body": "款项会原路退回。"}}],
                    "user_ids": [f"u{number}" for number in range(start, start + 500)],
                    "channels": ["inbox"],
                }
                answer = await client.post("/v1/messages", json=said)
                assert answer.status_code in (201, 202), answer.text
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*hearing)
    bare = await bare_fan_out()
    waits = [1000 * (watcher.heard_at - began) for watcher in watchers]
    return [
        Line(
            section="inboxes",
            what=f"{PEOPLE:,} idle streams",
            ours=f"{held:.0f} MB",
            baseline="",
            goal=f"< {GOAL_MB} MB",
            met=held < GOAL_MB,
        ),
        Line(
            section="inboxes",
            what=f"a message to {PEOPLE:,} people who watch: asked → heard",
            ours=f"p50 {percentile(waits, 0.5):.0f} ms, p99 {percentile(waits, 0.99):.0f} ms, {PEOPLE / max(waits) * 1000:,.0f}/s",
            baseline=f"bare writes to as many connections {1000 * bare:.0f} ms",
            ratio=max(waits) / (1000 * bare),
        ),
    ]
