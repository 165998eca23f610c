"""Which event store there is: a server where its address is given, else the engine in this process, else none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.store.embedded import EmbeddedStore
from opsloop_metrics.store.port import QUERY_BYTES, QUERY_SECONDS, EventStore, Parameter, Row, StoreUnavailable, Table


class NoStore:
    """What stands where no store is configured: the rest of the service works without one."""

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        seconds: float = QUERY_SECONDS,
        bytes: int = QUERY_BYTES,
        workspace: str = "",
    ) -> Table:
        """Raise StoreUnavailable."""
        raise _missing()

    async def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], *, token: str | None = None
    ) -> None:
        """Raise StoreUnavailable."""
        raise _missing()

    async def change(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Do nothing: there is nothing to change, and nothing to erase."""


def _missing() -> StoreUnavailable:
    return StoreUnavailable("There is no event store here: set OPSLOOP_CLICKHOUSE_URL.", headers={"Retry-After": "60"})


@asynccontextmanager
async def open_store(settings: MetricsSettings) -> AsyncIterator[EventStore]:
    """Yield the event store; it connects, or loads its engine, at the first use."""
    if settings.clickhouse_url is not None:
        from opsloop_metrics.store.server import ServerStore

        server = ServerStore(settings.clickhouse_url.get_secret_value())
        try:
            yield server
        finally:
            await server.close()
    elif settings.events_path is not None:
        embedded = EmbeddedStore(settings.events_path)
        try:
            yield embedded
        finally:
            await embedded.close()
    else:
        yield NoStore()
