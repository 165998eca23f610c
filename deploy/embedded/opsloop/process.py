"""The four services in this process: their apps below one port, their workers, one bus."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from opsloop.root import create_root
from opsloop.services import MEMBERS
from opsloop.settings import EmbeddedSettings
from opsloop_common.bus.local import LocalBus
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.http.app import create_app
from opsloop_common.http.probes import readiness
from opsloop_common.logs import configure_logging
from opsloop_common.runner import build_runtime, open_resources, run_worker
from opsloop_common.runner.build import require_fit_database
from opsloop_common.runner.together import together
from opsloop_common.service import Runtime
from opsloop_common.settings import Settings

REQUESTS_DRAIN_SECONDS = 20
KEEP_ALIVE_SECONDS = 75


def build_runtimes(server: PostgresServer, shared: EmbeddedSettings) -> list[Runtime]:
    """Build the runtimes of all services on one bus; nothing is connected yet."""
    runtimes = [
        build_runtime(
            member.service,
            _settings_of(member.settings, shared),
            database_url=server.url(member.service.name),
        )
        for member in MEMBERS
    ]
    configure_logging(format=shared.log_format, level=shared.log_level)
    bus = LocalBus({runtime.service.name: runtime.db for runtime in runtimes})
    for runtime in runtimes:
        runtime.bus = bus
    return runtimes


def _settings_of(kind: type[Settings], shared: EmbeddedSettings) -> Settings:
    """Return a service's settings with what the one process decides for all of them."""
    decided = {"bus", "secret_key", "bootstrap_key", "public_url", "port"}
    return kind().model_copy(update={name: getattr(shared, name) for name in decided})


async def serve(runtimes: list[Runtime], listener: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Answer and work until SIGINT or SIGTERM, then drain everything; `on_ready` is called once requests are taken."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        for runtime in runtimes:
            stack.push_async_callback(runtime.db.close)
        await asyncio.gather(*[require_fit_database(runtime) for runtime in runtimes])
        await stack.enter_async_context(together(*[open_resources(runtime) for runtime in runtimes]))
        apps = {runtime.service.name: create_app(runtime, with_metrics=False) for runtime in runtimes}
        await stack.enter_async_context(together(*[app.router.lifespan_context(app) for app in apps.values()]))
        await stack.enter_async_context(
            together(*[run_worker(runtime, free_older_claims=True) for runtime in runtimes])
        )
        root = _root(apps, runtimes, stop)
        async with _answering(root, listener, stop):
            on_ready()
            await stop.wait()


def _root(apps: Mapping[str, Starlette], runtimes: list[Runtime], stop: asyncio.Event) -> ASGIApp:
    async def unready() -> Mapping[str, object]:
        if stop.is_set():
            return {"opsloop": "stopping"}
        found = await asyncio.gather(*[readiness(runtime) for runtime in runtimes])
        return {
            runtime.service.name: {check.name: check.detail or "down" for check in checks if not check.ok}
            for runtime, (status, checks) in zip(runtimes, found, strict=True)
            if status != "ready"
        }

    return create_root(apps, {runtime.service.name: runtime.registry for runtime in runtimes}, unready)


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process before the workers have drained."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def _answering(app: ASGIApp, listener: socket.socket, stop: asyncio.Event) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=REQUESTS_DRAIN_SECONDS,
    )
    server = _Server(config)

    def on_signal() -> None:
        server.force_exit = stop.is_set()  # the second time nobody wants to wait for requests
        server.should_exit = True
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    serving.add_done_callback(lambda _: stop.set())
    try:
        await server.listening.wait()
        yield
    finally:
        server.should_exit = True
        await serving
