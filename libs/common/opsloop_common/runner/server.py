"""uvicorn, inside a process that has more to do than answer requests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from opsloop_common.errors import BadRequest
from opsloop_common.http.problems import problem_response
from opsloop_common.ids import uuid7

if sys.platform == "win32":  # httptools is not built for it
    from uvicorn.protocols.http.h11_impl import H11Protocol as Parser
else:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Parser

DRAIN_SECONDS = 20
BACKLOG = 2048


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the runner: it has workers to drain too, and ends with 0."""
        yield


class _Http(Parser):
    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP as any other error is answered; no application has seen it."""
        response = problem_response(BadRequest("The request is not valid HTTP."), {"path": "/"})
        headers = [*response.raw_headers, (b"x-request-id", str(uuid7()).encode()), (b"connection", b"close")]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + bytes(response.body))
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Answer on `listener` for the length of the block; then take no more, and let running requests finish (at most 20 s)."""
    config = uvicorn.Config(
        app,
        http=_Http,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=75,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        while not server.started:  # uvicorn has no event for it
            if task.done():
                task.result()
                raise RuntimeError("the HTTP server did not start; its log says why")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([task])
        listener.close()
