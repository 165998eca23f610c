"""Which event store there is: a server where its address is given, else the engine in this process, else none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from opsloop_common.settings import Unusable
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.store.embedded import EmbeddedStore
from opsloop_metrics.store.engine import EngineFailed
from opsloop_metrics.store.port import QUERY_BYTES, QUERY_SECONDS, EventStore, Parameter, Row, StoreUnavailable, Table

log = structlog.get_logger(__name__)
_REACH = "the server does not answer. Is ClickHouse up there, and may it be reached from here?"
_MIGRATE = "its tables are not there. Run `python -m opsloop_metrics migrate` first."
_ADVICE = {
    60: _MIGRATE,
    81: _MIGRATE,
    497: "the user may not make the tables. Give it the rights that docs/distributed.md names.",
    516: "the server does not let this user in. Give a user and password that ClickHouse knows.",
}


class NoStore:
    """What stands where no store is configured: the rest of the service works without one."""

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        seconds: float = QUERY_SECONDS,
        bytes: int = QUERY_BYTES,
        workspace: str | None = None,
    ) -> Table:
        """Raise StoreUnavailable."""
        raise _missing()

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        rows: Sequence[Row],
        *,
        token: str | None = None,
        comment: str | None = None,
    ) -> None:
        """Raise StoreUnavailable."""
        raise _missing()

    async def change(
        self, sql: str, parameters: Mapping[str, Parameter] | None = None, *, workspace: str | None = None
    ) -> None:
        """Do nothing: there is nothing to change, and nothing to erase."""


def _missing() -> StoreUnavailable:
    return StoreUnavailable("There is no event store here: set OPSLOOP_CLICKHOUSE_URL.", headers={"Retry-After": "60"})


async def migrate_store(settings: MetricsSettings) -> None:
    """Make the tables on a server, where there is one; the engine in this process makes its own. Raises Unusable."""
    if settings.clickhouse_url is None:
        return
    from opsloop_metrics.store.server import ServerStore

    server = ServerStore(settings.clickhouse_url.get_secret_value())
    try:
        await server.migrate()
    except (StoreUnavailable, EngineFailed) as error:
        raise Unusable(f"OPSLOOP_CLICKHOUSE_URL: {_advice(error)}") from error
    finally:
        await server.close()


def _code(error: Exception) -> int:
    return getattr(error if isinstance(error, EngineFailed) else error.__cause__, "code", 0) or 0


def _advice(error: Exception) -> str:
    code = _code(error)
    return _ADVICE.get(code, f"ClickHouse refused with its error {code}" if code else _REACH)


async def require_fit_store(store: EventStore) -> None:
    """Ask a server for its tables at the start; raises Unusable for one that will not do, however long one waits.

    One that does not answer may be about to start: that is told, and waited for. Meanwhile what is sent is answered with 503, or
    stays in the log, and all that needs no events works.
    """
    try:
        await store.query("SELECT 1 FROM opsloop.event LIMIT 0")
    except (StoreUnavailable, EngineFailed) as error:
        if _code(error):
            raise Unusable(f"OPSLOOP_CLICKHOUSE_URL: {_advice(error)}") from error
        log.warning("no event store yet", setting="OPSLOOP_CLICKHOUSE_URL", advice=_REACH)


@asynccontextmanager
async def open_store(settings: MetricsSettings) -> AsyncIterator[EventStore]:
    """Yield the event store; it connects, or loads its engine, at the first use."""
    if settings.clickhouse_url is not None:
        from opsloop_metrics.store.server import ServerStore

        server = ServerStore(settings.clickhouse_url.get_secret_value())
        try:
            await require_fit_store(server)
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
