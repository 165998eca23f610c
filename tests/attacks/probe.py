"""Watch an address while it is under attack, from a process of its own: the attacker's work must not delay the watcher.

async with watching(f"{url}/healthz") as seen: ...attack...
seen().require(p99_ms=50, max_ms=250)

What may be added is bounded: the same address is asked before the attack, and that is how long an answer takes on this machine alone.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

EVERY_SECONDS = 0.01
ALONE = 100
"""Probes before the attack: half a second and a little."""
ALONE_EVERY_SECONDS = 0.005
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Seen:
    """What the watcher saw: milliseconds an answer took, how many answers failed or were not 2xx, and the p99 before it began."""

    count: int
    failed: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    alone_ms: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.count} probes, {self.failed} failed, p50 {self.p50_ms:.1f} ms, "
            f"p99 {self.p99_ms:.1f} ms (alone {self.alone_ms:.1f}), max {self.max_ms:.1f} ms"
        )

    def require(self, *, p99_ms: float = 50.0, max_ms: float = 250.0) -> Seen:
        """Assert that nobody was kept waiting: how much longer than alone one answer in a hundred took, and the longest."""
        assert self.count >= 20, f"too few probes to say anything: {self}"
        assert self.failed == 0, str(self)
        assert self.p99_ms <= self.alone_ms + p99_ms, str(self)
        assert self.max_ms <= max_ms, str(self)
        return self


@asynccontextmanager
async def watching(
    url: str, *, headers: Mapping[str, str] | None = None, fresh: bool = False
) -> AsyncIterator[Callable[[], Seen]]:
    """Ask `url` every 10 ms for the length of the block, on one kept connection or, with `fresh`, on a new one each time.

    Yields a function that returns what was seen; call it after the block or at its end.
    """
    process = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, __file__, url, json.dumps(dict(headers or {})), "fresh" if fresh else "kept"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    result: list[Seen] = []

    def seen() -> Seen:
        if not result:
            output, _ = process.communicate(b"", timeout=ANSWER_SECONDS + 10)
            result.append(Seen(**json.loads(output.splitlines()[-1])))
        return result[0]

    assert process.stdout is not None
    await asyncio.to_thread(process.stdout.readline)  # it has begun
    try:
        yield seen
    finally:
        await asyncio.to_thread(seen)


def _watch(url: str, headers: dict[str, str], *, fresh: bool) -> Iterator[Seen]:
    """Yield what was seen before the attack, and what was seen until standard input ended."""
    parts = urlsplit(url)
    lines = [f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    watcher = _Watcher((str(parts.hostname), int(parts.port or 80)), ("\r\n".join(lines) + "\r\n\r\n").encode(), fresh)
    for _ in range(ALONE):
        watcher.probe(ALONE_EVERY_SECONDS)
    alone = watcher.seen()
    yield alone
    os.set_blocking(sys.stdin.fileno(), False)
    while os_read_nothing(sys.stdin.fileno()):  # until who began it says that it is over
        watcher.probe(EVERY_SECONDS)
    yield replace(watcher.seen(), alone_ms=alone.p99_ms)


class _Watcher:
    def __init__(self, address: tuple[str, int], request: bytes, fresh: bool) -> None:
        self.address, self.request, self.fresh = address, request, fresh
        self.took: list[float] = []
        self.failed = 0
        self.connection: socket.socket | None = None

    def probe(self, every_seconds: float) -> None:
        began = time.perf_counter()
        try:
            if self.connection is None:
                self.connection = socket.create_connection(self.address, timeout=ANSWER_SECONDS)
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection.sendall(self.request)
            ok = _read_answer(self.connection)
        except OSError:
            ok, self.connection = False, None
        self.took.append((time.perf_counter() - began) * 1000)
        self.failed += not ok
        if self.fresh and self.connection is not None:
            self.connection.close()
            self.connection = None
        time.sleep(max(0.0, every_seconds - (time.perf_counter() - began)))  # the rest of its turn

    def seen(self) -> Seen:
        """Return what was seen since the last time."""
        took, failed, self.took, self.failed = sorted(self.took), self.failed, [], 0
        return Seen(len(took), failed, _quantile(took, 0.5), _quantile(took, 0.99), took[-1] if took else math.inf)


def os_read_nothing(descriptor: int) -> bool:
    """Say whether the parent still holds the other end open."""
    try:
        return os.read(descriptor, 1) != b""
    except BlockingIOError:
        return True


def _read_answer(connection: socket.socket) -> bool:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError
        body += chunk
    return head.startswith(b"HTTP/1.1 2")


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.inf


if __name__ == "__main__":
    for watched in _watch(sys.argv[1], json.loads(sys.argv[2]), fresh=sys.argv[3] == "fresh"):
        print(json.dumps(watched.__dict__), flush=True)  # the first one says that it has begun
