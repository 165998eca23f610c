"""A thousand people watch their inboxes at once: what that costs, how soon all are told, and that it ends with the process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil
import pytest

from tests.harness import OPERATOR_KEY, Deployment

pytestmark = [pytest.mark.slow, pytest.mark.measured, pytest.mark.timeout(240)]

PEOPLE = 1_000
WARM = 50
MIB = 1024 * 1024
CONTENTS = [{"locale": "en", "inbox": {"title": "Hello", "body": "Words"}}]


@dataclass
class Watching:
    """One connection of a browser that watches."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def until(self, words: bytes) -> None:
        await self.reader.readuntil(words)


async def watch(url: str, user: str) -> Watching:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"GET {parts.path}/v1/recipients/{user}/inbox/stream HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {OPERATOR_KEY}\r\nAccept: text/event-stream\r\n\r\n"
    )
    writer.write(head.encode())
    found = Watching(reader, writer)
    await found.until(b"event: counts")
    return found


async def watch_all(url: str, users: list[str]) -> list[Watching]:
    found: list[Watching] = []
    for start in range(0, len(users), WARM):
        found += await asyncio.gather(*(watch(url, user) for user in users[start : start + WARM]))
    return found


async def test_a_thousand_streams(embedded_deployment: Deployment):
    client, url = embedded_deployment.client("notifications"), embedded_deployment.urls["notifications"]
    users = [f"u{number}" for number in range(WARM + PEOPLE)]

    async def tell(these: list[str]) -> None:
        body = {"user_ids": these, "channels": ["inbox"], "contents": CONTENTS}
        answer = await client.post("/v1/messages", json=body)
        assert answer.status_code == 201, answer.text

    await tell(users[:WARM])
    await tell(users[WARM:])
    process = psutil.Process(embedded_deployment.process_of("notifications").pid)
    streams = await watch_all(url, users[:WARM])
    before = process.memory_info().rss

    streams += await watch_all(url, users[WARM:])
    grown = (process.memory_info().rss - before) / MIB
    began, worked = time.perf_counter(), sum(process.cpu_times()[:2])
    await tell(users[WARM:])
    await asyncio.gather(*(stream.until(b"event: entry") for stream in streams[WARM:]))
    told, worked = time.perf_counter() - began, sum(process.cpu_times()[:2]) - worked
    began = time.perf_counter()
    ending = asyncio.create_task(asyncio.to_thread(embedded_deployment.process_of("notifications").terminate))
    await asyncio.gather(*(stream.reader.read() for stream in streams))
    over = time.perf_counter() - began

    print(
        f"\n{PEOPLE} idle streams: {grown:.1f} MiB; all told in {told:.2f} s, {worked:.2f} s of the server's processor time; "
        f"all over {over:.2f} s after SIGTERM"
    )
    assert await ending == 0
    assert grown < 50
    assert worked < 10
    assert over < 3
    for stream in streams:
        stream.writer.close()
