"""A small server behind the front, and a client that may send what no HTTP client would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from opsloop_common.front.front import Front
from opsloop_common.runner.server import listen, serving

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Answer = tuple[int, dict[str, str], bytes]

LARGE_BYTES = 8_000_000


async def _echo(request: Request) -> Response:
    try:
        body = await request.body()
    except ClientDisconnect:
        body = b""
    return PlainTextResponse(f"{request.method} {request.url.path} {len(body)} {request.headers.get('x-late', '')}")


async def _early(_: Request) -> Response:
    return PlainTextResponse("early")


async def _large(_: Request) -> Response:
    return Response(b"x" * LARGE_BYTES)


@asynccontextmanager
async def server(front: Front | None = None) -> AsyncIterator[tuple[Front, int]]:
    """Serve `/large`, `/early` (answers without reading the body) and an echo everywhere else; yields the front and the port."""
    routes = [
        Route("/early", _early, methods=["POST"]),
        Route("/large", _large),
        Route("/{rest:path}", _echo, methods=["GET", "POST"]),
    ]
    front = front or Front(registry=CollectorRegistry())
    listener = listen("127.0.0.1", 0)
    async with serving(Starlette(routes=routes), listener, front):
        yield front, listener.getsockname()[1]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connected]:
    """Open a connection for the length of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> Answer:
    """Return status, headers and body of the next answer."""
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(head[0].split()[1]), headers, body


async def ask(port: int, *pieces: bytes) -> Answer:
    """Return the first answer to what is sent, all of it or as much as is taken."""
    async with connected(port) as (reader, writer):
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        return await answer(reader)
