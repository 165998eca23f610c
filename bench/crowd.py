"""Greedy workspaces' clients as a process of their own: many kept connections, each asking again as soon as it was answered.

`python -m bench.crowd FILE SECONDS` reads a JSON list of callers and at the end prints how often which status was answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop


@dataclass(frozen=True)
class Caller:
    """One connection: the addresses it goes round, and how long it rests after each answer."""

    key: str
    urls: list[str]
    body: dict[str, Any] | None = None
    pause: float = 0.0


def written(callers: list[Caller], path: Path) -> Path:
    """Write callers down for the process to read."""
    path.write_text(json.dumps([asdict(caller) for caller in callers]))
    return path


async def _call(caller: Caller, session: aiohttp.ClientSession, end: float, statuses: Counter[int]) -> None:
    headers = {"Authorization": f"Bearer {caller.key}"}
    method = "GET" if caller.body is None else "POST"
    number = 0
    while time.monotonic() < end:
        url = caller.urls[number % len(caller.urls)]
        number += 1
        try:
            async with session.request(method, url, json=caller.body, headers=headers) as answer:
                await answer.read()
                statuses[answer.status] += 1
        except (aiohttp.ClientError, TimeoutError):
            statuses[0] += 1
            await asyncio.sleep(0.1)
        await asyncio.sleep(caller.pause)


async def main(callers: list[Caller], seconds: float) -> None:
    """Ask until the time is over; loopback only."""
    assert all(url.startswith("http://127.0.0.1:") for caller in callers for url in caller.urls)
    statuses: Counter[int] = Counter()
    connector, timeout = aiohttp.TCPConnector(limit=len(callers)), aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        end = time.monotonic() + seconds
        calling = [asyncio.create_task(_call(caller, session, end, statuses)) for caller in callers]
        await asyncio.sleep(seconds)
        for call in calling:
            call.cancel()
        await asyncio.gather(*calling, return_exceptions=True)
    print(json.dumps(statuses), flush=True)


if __name__ == "__main__":
    read = [Caller(**given) for given in json.loads(Path(sys.argv[1]).read_text())]
    uvloop.run(main(read, float(sys.argv[2])))
