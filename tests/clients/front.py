"""What stands in front of OpsLoop in these tests: a proxy that refuses as it is told and writes down what went through.

It serves the pages and scripts of browser clients too, from a folder and below `/site/`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from aiohttp import web

from tests.harness import Deployment, data_dir_of, run_forked

HOP = {"connection", "content-length", "transfer-encoding", "content-encoding", "keep-alive"}


@dataclass
class Seen:
    """A request that went through, and how it was answered."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer: bytes


@dataclass
class Front:
    """A proxy. `refusals` are given in turn to what is posted, then all goes through; `rewrite` changes what OpsLoop answered."""

    url: str
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    rewrite: Callable[[bytes], bytes] = lambda answer: answer
    seen: list[Seen] = field(default_factory=list)

    def answered(self, path: str, *, method: str = "POST") -> list[int]:
        """Return with which statuses the requests to a path were answered; paths of OpsLoop's metrics, without the query."""
        return [one.status for one in self.seen if one.method == method and one.path == path]


@asynccontextmanager
async def fronting(target: str, *, site: Path | None = None) -> AsyncIterator[Front]:
    """Open a proxy on loopback in front of `target`, the address of one service; it has the path of that one too."""
    root, prefix = target[: -len(urlsplit(target).path)], urlsplit(target).path

    async def forward(request: web.Request) -> web.Response:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in HOP - {"content-encoding"}
        }
        body = await request.read()
        if request.method == "POST" and front.refusals:
            status, given = front.refusals.pop(0)
            front.seen.append(Seen(request.method, request.path.removeprefix(prefix), headers, body, status, b""))
            return web.json_response({"error": "later", "detail": "later"}, status=status, headers=given)
        async with session.request(request.method, root + request.raw_path, data=body, headers=headers) as answer:
            said = front.rewrite(await answer.read())
            front.seen.append(
                Seen(request.method, request.path.removeprefix(prefix), headers, body, answer.status, said)
            )
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
            return web.Response(body=said, status=answer.status, headers=kept)

    app = web.Application(client_max_size=64 * 1024 * 1024)
    if site is not None:
        app.router.add_static("/site/", site)
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    front = Front(f"http://127.0.0.1:{runner.addresses[0][1]}{prefix}")
    async with aiohttp.ClientSession(auto_decompress=False, trust_env=False) as session:
        try:
            yield front
        finally:
            await runner.cleanup()


async def key_for(deployment: Deployment, **options: Any) -> str:
    """Make a key of workspace `acme` that may capture."""
    body = {"name": "app", "workspace": "acme", "scopes": ["metrics:capture"]} | options
    answer = await deployment.client("metrics").post("/v1/api-keys", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


async def reader_for(deployment: Deployment) -> httpx.AsyncClient:
    """Return an HTTP client of workspace `acme` that may read."""
    answer = await deployment.client("metrics").post(
        "/v1/api-keys", json={"name": "analyst", "workspace": "acme", "scopes": ["metrics:read"]}
    )
    assert answer.status_code == 201, answer.text
    return deployment.client("metrics", key=answer.json()["key"])


async def stored(deployment: Deployment, sql: str) -> list[Any]:
    """End OpsLoop, whose engine alone may hold the folder of events, and ask the folder."""
    process = deployment.processes["opsloop"]
    if not process.is_dead():
        await asyncio.to_thread(process.terminate)
    command = [sys.executable, "-m", "tests.clients.reading", str(data_dir_of(deployment) / "events"), sql]
    done = await asyncio.to_thread(run_forked, command, process.environment, process.log.parent)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))
