"""Reach the four databases from a command: through the running process's PostgreSQL, or by starting it for a moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from pydantic import SecretStr

from opsloop import data
from opsloop.databases import prepare
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
    if not may_create and not (cluster / "PG_VERSION").exists():
        raise data.NothingHere(f"There is no OpsLoop below {settings.data_dir.resolve()} yet. Start one: opsloop up")
    if data.holder_of(settings.data_dir) is not None:
        async with _connected(PostgresServer(cluster), settings) as runtimes:
            yield runtimes
        return
    with data.held(settings.data_dir), postgres(settings) as (server, started):
        attached = started.result()
        async with _connected(server, settings) as runtimes:
            await prepare(server, [runtime.service for runtime in runtimes], attached=attached)
            yield runtimes


@asynccontextmanager
async def _connected(server: PostgresServer, settings: EmbeddedSettings) -> AsyncIterator[list[Runtime]]:
    if settings.secret_key is None:
        secret = SecretStr(data.secret_key(settings.data_dir).value)
        settings = settings.model_copy(update={"secret_key": secret})
    async with AsyncExitStack() as stack:
        runtimes = build_runtimes(server, settings)
        for runtime in runtimes:
            stack.push_async_callback(runtime.db.close)
            await stack.enter_async_context(runtime.opened())
        yield runtimes
