"""Reach the four databases from a command that needs nothing else of the services: to load them takes 1.5 s.

Where OpsLoop runs, its PostgreSQL is there. Where it does not, the services are loaded all the same, since what an older release
left behind is migrated first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from opsloop import data
from opsloop.outlines import OUTLINES
from opsloop.reading import within_reach
from opsloop.settings import EmbeddedSettings
from opsloop_common.clock import SystemClock
from opsloop_common.db import Database, app_role
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.logs import configure_logging


@asynccontextmanager
async def opened(settings: EmbeddedSettings) -> AsyncIterator[Mapping[str, Database]]:
    """Yield each service's database, within reach; raises NothingHere when there is no data yet."""
    configure_logging(format=settings.log_format, level="warning")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(within_reach(settings))
        databases = {name: _database(server, name) for name in OUTLINES}
        for database in databases.values():
            stack.push_async_callback(database.close)
        yield databases


def _database(server: PostgresServer, name: str) -> Database:
    role = app_role(name)
    return Database(server.url(name, user=role), service=name, clock=SystemClock(), role=role)


def secret_of(settings: EmbeddedSettings) -> str:
    """Return what secrets are sealed with: from the settings, else the data directory's."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return data.secret_key(settings.data_dir).value
