"""Watch an address while it is under attack, from a process of its own: the attacker's work must not delay the watcher.

async with watching(f"{url}/healthz") as seen: ...attack...
seen().require(p99_ms=50, max_ms=250)

The bounds are those of a quiet machine. Between two probes the watcher sees how the machine does: how late it was woken, and how long
a fixed piece of work took; what is asked of the watched is that much more.
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
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

EVERY_SECONDS = 0.01
WORK_MS = 0.15
"""What a quiet machine takes for `_work`, with room."""
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Seen:
    """What the watcher saw: milliseconds an answer took, and how many answers failed or were not 2xx."""

    count: int
    failed: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    slower: float
    """How many times as long as on a quiet machine the work took, at the median; 1 or more."""
    late_p99_ms: float
    late_max_ms: float

    def __str__(self) -> str:
        return (
            f"{self.count} probes, {self.failed} failed, p50 {self.p50_ms:.1f} ms, "
            f"p99 {self.p99_ms:.1f} ms, max {self.max_ms:.1f} ms; the machine {self.slower:.1f} times slower than a quiet one, "
            f"woken p99 {self.late_p99_ms:.1f} ms, max {self.late_max_ms:.1f} ms late"
        )

    def require(self, *, p99_ms: float = 50.0, max_ms: float = 250.0) -> Seen:
        """Assert that nobody was kept waiting."""
        assert self.count >= 20, f"too few probes to say anything: {self}"
        assert self.failed == 0, str(self)
        # the watched is woken, and then the watcher
        assert self.p99_ms <= p99_ms * self.slower + 2 * self.late_p99_ms, str(self)
        assert self.max_ms <= max_ms * self.slower + 2 * self.late_max_ms, str(self)
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


def _watch(url: str, headers: dict[str, str], *, fresh: bool) -> Seen:
    parts = urlsplit(url)
    lines = [f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    took: list[float] = []
    worked: list[float] = []
    late: list[float] = []
    failed = 0
    connection: socket.socket | None = None
    os.set_blocking(sys.stdin.fileno(), False)
    while os_read_nothing(sys.stdin.fileno()):
        began = time.perf_counter()
        try:
            if connection is None:
                connection = socket.create_connection((parts.hostname, parts.port), timeout=ANSWER_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(request)
            ok = _read_answer(connection)
        except OSError:
            ok, connection = False, None
        took.append((time.perf_counter() - began) * 1000)
        failed += not ok
        if fresh and connection is not None:
            connection.close()
            connection = None
        worked.append(_work())
        wakes = max(time.perf_counter(), began + EVERY_SECONDS)
        time.sleep(max(0.0, wakes - time.perf_counter()))  # until who began it says that it is over
        late.append((time.perf_counter() - wakes) * 1000)
    for each in (took, worked, late):
        each.sort()
    answers = (_quantile(took, share) for share in (0.5, 0.99, 1))
    slower = max(1.0, _quantile(worked, 0.5) / WORK_MS)
    return Seen(len(took), failed, *answers, slower, _quantile(late, 0.99), _quantile(late, 1))


def _work() -> float:
    """Return how many milliseconds a fixed piece of work takes now."""
    began = time.perf_counter()
    sum(number * number for number in range(2_000))
    return (time.perf_counter() - began) * 1000


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
    print("watching", flush=True)
    print(json.dumps(_watch(sys.argv[1], json.loads(sys.argv[2]), fresh=sys.argv[3] == "fresh").__dict__), flush=True)
