"""uvicorn, inside a process that has more to do than answer requests, behind the front that bounds what strangers send."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CollectorRegistry
from sqlalchemy.orm import configure_mappers
from starlette.types import ASGIApp

from opsloop_common import limits
from opsloop_common.access.addresses import networks
from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.fields import fields_of
from opsloop_common.front.connection import FrontConfig
from opsloop_common.front.front import Front, connection_bound, file_limit
from opsloop_common.http.headers import SafeHeaders
from opsloop_common.settings import Settings
from opsloop_common.supervision import supervise
from opsloop_common.turns import breathing

DRAIN_SECONDS = 20
BACKLOG = 2048
# libuv takes one connection a turn of the loop from each listener: behind a burst of 60, a new one waited for 60 turns
LISTENERS = 8


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the runner: it has workers to drain too, and ends with 0."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one. Raises OSError when it is taken, TypeError for what is no name of a host."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, TypeError):  # the latter for a name that can be none
        listener.close()
        raise
    return listener


def front_of(settings: Settings, registry: CollectorRegistry | None = None) -> Front:
    """Make the front as the settings say, within what this process may open."""
    return Front(
        connections=connection_bound(settings.max_connections, file_limit()),
        trusted=networks(settings.trusted_proxies),
        registry=registry,
    )


async def prepare() -> None:
    """Make in slices what the first requests would all wait for: how tables and classes belong together, and the fields of events."""
    configure_mappers()
    await breathing(fields_of, PUBLIC)


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket, front: Front | None = None) -> AsyncIterator[None]:
    """Answer on `listener` for the length of the block; then take no more, and let running requests finish (at most 20 s)."""
    front = front or Front(connections=connection_bound(limits.CONNECTIONS, file_limit()))
    config = FrontConfig(
        SafeHeaders(app),
        front,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        proxy_headers=False,  # the front says who asks: one reading of what a proxy forwards
    )
    server = _Server(config)
    listeners = [listener, *(listener.dup() for _ in range(LISTENERS - 1))]
    task = asyncio.create_task(server.serve(sockets=listeners), name="http")
    watch = asyncio.create_task(supervise("http watch", front.keep_watch), name="http watch")
    prepared = asyncio.create_task(prepare(), name="preparing")
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
        watch.cancel()
        prepared.cancel()
        listener.close()
