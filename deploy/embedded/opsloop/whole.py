"""Reach the four services from a command, all of them loaded: beside the running process, or with PostgreSQL started for a moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import generate_latest
from pydantic import SecretStr

from opsloop import data
from opsloop.access import secret_of
from opsloop.databases import prepare
from opsloop.metrics import MergedRegistries
from opsloop.process import build_runtimes
from opsloop.settings import EmbeddedSettings
from opsloop.up import postgres
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.logs import configure_logging
from opsloop_common.service import Runtime


@asynccontextmanager
async def opened(settings: EmbeddedSettings, *, may_create: bool = False) -> AsyncIterator[list[Runtime]]:
    """Yield the services' runtimes with their databases within reach, migrated unless a running process holds them.

    Raises NothingHere when there is no data yet, unless `may_create`.
    """
    configure_logging(format=settings.log_format, level="warning")
    cluster = data.postgres_dir(settings.data_dir)
    if not may_create:
        data.require_used(settings.data_dir)
    if data.holder_of(settings.data_dir) is not None:
        async with _connected(PostgresServer(cluster), settings) as runtimes:
            yield runtimes
        return
    with data.held(settings.data_dir), postgres(settings) as (server, started, _):
        attached = started.result()
        async with _connected(server, settings) as runtimes:
            await prepare(server, [runtime.service for runtime in runtimes], attached=attached)
            yield runtimes


@asynccontextmanager
async def _connected(server: PostgresServer, settings: EmbeddedSettings) -> AsyncIterator[list[Runtime]]:
    sealed_with = SecretStr(secret_of(settings))
    async with AsyncExitStack() as stack:
        runtimes = build_runtimes(server, settings.model_copy(update={"secret_key": sealed_with}))
        for runtime in runtimes:
            stack.push_async_callback(runtime.db.close)
        yield runtimes


async def metrics_page(runtimes: Sequence[Runtime]) -> str:
    """Return what /metrics would show of the services, their own gauges read anew."""
    for runtime in runtimes:
        for gauge in runtime.service.gauges:
            await gauge(runtime)
    merged = MergedRegistries({runtime.service.name: runtime.registry for runtime in runtimes})
    return generate_latest(merged).decode()
