"""Serve one service in this process, as API, worker or both, until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from prometheus_client import Gauge, ProcessCollector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.types import ASGIApp

from opsloop_common.faults import is_transient, reason
from opsloop_common.forwarding import across_processes
from opsloop_common.http import probes
from opsloop_common.http.app import create_app
from opsloop_common.runner import garbage
from opsloop_common.runner.build import Role, require_fit_database
from opsloop_common.runner.buses import make_bus
from opsloop_common.runner.databases import told_in_words
from opsloop_common.runner.housekeeping import measure_loop_lag
from opsloop_common.runner.server import front_of, listen, serving
from opsloop_common.runner.signals import Signals
from opsloop_common.runner.together import together
from opsloop_common.runner.traced import traced
from opsloop_common.runner.worker import run_worker
from opsloop_common.service import Check, Runtime
from opsloop_common.settings import Unusable

DATABASE_PATIENCE_SECONDS = 60.0
STUCK_EVENTS_SECONDS = 30.0

log = structlog.get_logger(__name__)


async def serve(runtime: Runtime, role: Role, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; then readiness goes first, what runs has 20 s, and this returns.

    A SIGINT after the first signal ends the process at once.
    """
    stop = asyncio.Event()
    with Signals().heeded() as signals, signals.setting(stop):
        async with AsyncExitStack() as stack:
            stack.push_async_callback(runtime.db.close)
            with told_in_words(runtime.service.name):
                await _await_database(runtime, stop)
                await require_fit_database(runtime)
            await stack.enter_async_context(traced(runtime))
            listener = _listening(host, port)
            stack.callback(listener.close)
            runtime.answer_at(host, listener.getsockname()[1])
            await stack.enter_async_context(runtime.opened())
            await stack.enter_async_context(_measured(runtime))
            front = front_of(runtime.settings, runtime.registry)
            await stack.enter_async_context(
                together(_background(runtime, role), serving(_app(runtime, role), listener, front))
            )
            address, taken = listener.getsockname()[:2]
            garbage.settle()
            log.info("serving", service=runtime.service.name, role=role, host=address, port=taken)
            await stop.wait()
            log.info("stopping", service=runtime.service.name, role=role)
            runtime.readiness.insert(0, _stopping)
            runtime.db.wakeups.stop()
    log.info("stopped", service=runtime.service.name, role=role)


def _listening(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except (OSError, TypeError) as error:  # the latter for a name that can be none
        why = getattr(error, "strerror", None) or "no name of a host"
        raise Unusable(f"OPSLOOP_HOST, OPSLOOP_PORT: cannot listen on {host}:{port}: {why}") from error


async def _stopping() -> Check:
    return Check("role", False, "stopping")


def _app(runtime: Runtime, role: Role) -> ASGIApp:
    if role == "worker":
        return Starlette(routes=probes.routes(runtime, with_metrics=True))
    return create_app(runtime)


@asynccontextmanager
async def _background(runtime: Runtime, role: Role) -> AsyncIterator[None]:
    """Do the role's work besides answering, and carry wake-ups to the service's other processes."""
    works = role != "api"
    if not works:
        runtime.readiness.append(lambda: events_flow(runtime))
    async with AsyncExitStack() as stack:
        if runtime.settings.bus != "local":
            await stack.enter_async_context(across_processes(runtime.db, runtime.direct_url, listen=True))
        if works:
            runtime.bus = make_bus(runtime)
            await stack.enter_async_context(run_worker(runtime, free_older_claims=runtime.settings.bus == "local"))
        yield


async def events_flow(runtime: Runtime) -> Check:
    """Say whether events leave the outbox: what an API, which has no bus of its own, can tell of it. It goes on accepting."""
    async with runtime.db.transaction() as session:
        waiting = await session.scalar(
            text(
                "SELECT extract(epoch FROM clock_timestamp() - min(created_at)) FROM outbox WHERE published_at IS NULL"
            )
        )
    stuck = waiting is not None and float(waiting) > STUCK_EVENTS_SECONDS
    return Check(
        "bus", not stuck, f"events have waited for {float(waiting or 0):.0f} s" if stuck else "", essential=False
    )


@asynccontextmanager
async def _measured(runtime: Runtime) -> AsyncIterator[None]:
    ProcessCollector(registry=runtime.registry)
    gauge = Gauge("opsloop_loop_lag_seconds", "How late the event loop wakes its sleepers", registry=runtime.registry)
    task = asyncio.create_task(measure_loop_lag(gauge), name="loop lag")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _await_database(runtime: Runtime, stop: asyncio.Event) -> None:
    """Wait up to a minute for a database that is just starting; raises what it said last."""
    deadline = asyncio.get_running_loop().time() + DATABASE_PATIENCE_SECONDS
    warned = False
    while True:
        try:
            async with runtime.db.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
            return
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            late = asyncio.get_running_loop().time() > deadline
            if late or stop.is_set() or not is_transient(error):
                raise
            if not warned:
                log.warning("waiting for the database", service=runtime.service.name, error=reason(error))
            warned = True
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await stop.wait()
