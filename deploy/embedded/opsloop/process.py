"""The four services in this process: their apps below one port, their workers, one bus."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from opsloop.root import Ready, create_root
from opsloop.services import MEMBERS
from opsloop.settings import EmbeddedSettings
from opsloop_common.bus.local import LocalBus
from opsloop_common.db import app_role
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.http.app import create_app
from opsloop_common.http.pages import rooms_of
from opsloop_common.http.probes import readiness
from opsloop_common.runner.build import build_runtime, require_fit_database
from opsloop_common.runner.housekeeping import measure_loop_lag
from opsloop_common.runner.server import front_of, serving
from opsloop_common.runner.signals import Signals
from opsloop_common.runner.together import together
from opsloop_common.runner.traced import traced
from opsloop_common.runner.worker import run_worker
from opsloop_common.service import Runtime
from opsloop_common.settings import Settings


def build_runtimes(server: PostgresServer, shared: EmbeddedSettings) -> list[Runtime]:
    """Build the runtimes of all services on one bus; nothing is connected yet."""
    runtimes = [
        build_runtime(
            service,
            _settings_of(service.settings, shared),
            database_url=server.url(service.name, user=app_role(service.name)),
        )
        for service in MEMBERS
    ]
    bus = LocalBus({runtime.service.name: runtime.db for runtime in runtimes})
    for runtime in runtimes:
        runtime.bus = bus
    return runtimes


def _settings_of(kind: type[Settings], shared: EmbeddedSettings) -> Settings:
    """Return a service's settings with what the one process decides for all of them."""
    decided = {"bus", "secret_key", "bootstrap_key", "public_url", "port"}
    own = kind()
    folders = {"events_path": "events", "attachments_path": "attachments"}
    below = {name: shared.data_dir / folder for name, folder in folders.items() if getattr(own, name, ...) is None}
    return own.model_copy(update={name: getattr(shared, name) for name in decided} | below)


async def serve(
    runtimes: list[Runtime], listener: socket.socket, *, signals: Signals, on_ready: Callable[[], None]
) -> None:
    """Answer and work until SIGINT or SIGTERM, then drain everything; `on_ready` is called once requests are taken."""
    stop = asyncio.Event()
    own = CollectorRegistry()
    ProcessCollector(registry=own)
    with signals.setting(stop):
        async with AsyncExitStack() as stack:
            for runtime in runtimes:
                stack.push_async_callback(runtime.db.close)
            await asyncio.gather(*[require_fit_database(runtime) for runtime in runtimes])
            await stack.enter_async_context(_loop_lag(own))
            await stack.enter_async_context(traced(*runtimes))
            for runtime in runtimes:
                await stack.enter_async_context(runtime.opened())
            apps = {runtime.service.name: create_app(runtime, with_metrics=False) for runtime in runtimes}
            await stack.enter_async_context(together(*[app.router.lifespan_context(app) for app in apps.values()]))
            workers = [run_worker(runtime, free_older_claims=True) for runtime in runtimes]
            await stack.enter_async_context(together(*workers))
            registries = {runtime.service.name: runtime.registry for runtime in runtimes} | {"opsloop": own}
            settings = runtimes[0].settings  # of the front all have the same
            rooms = {room: r.service.name for r in runtimes for room in rooms_of(r.service.routers)}
            root = create_root(apps, registries, partial(_readiness, runtimes, stop), settings, rooms=rooms)
            await stack.enter_async_context(serving(root, listener, front_of(settings, own)))
            on_ready()
            await stop.wait()
            for runtime in runtimes:
                runtime.db.wakeups.stop()


async def _readiness(runtimes: list[Runtime], stop: asyncio.Event) -> Ready:
    """Say how all of it is: as its worst service, and of each that is not ready why."""
    if stop.is_set():
        return "unready", {"opsloop": {"role": "stopping"}}
    found = await asyncio.gather(*[readiness(runtime) for runtime in runtimes])
    reasons = {
        runtime.service.name: {check.name: check.detail or "down" for check in checks if not check.ok}
        for runtime, (status, checks) in zip(runtimes, found, strict=True)
        if status != "ready"
    }
    if any(status == "unavailable" for status, _ in found):
        return "unready", reasons
    return ("degraded" if reasons else "ready"), reasons


@asynccontextmanager
async def _loop_lag(registry: CollectorRegistry) -> AsyncIterator[None]:
    gauge = Gauge("opsloop_loop_lag_seconds", "How late the event loop wakes its sleepers", registry=registry)
    measuring = asyncio.create_task(measure_loop_lag(gauge), name="loop lag")
    try:
        yield
    finally:
        measuring.cancel()
        await asyncio.wait([measuring])
