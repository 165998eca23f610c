"""A ClickHouse server over HTTP, through its own client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from clickhouse_connect import get_client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from opsloop_metrics.store.engine import CHANGE_SECONDS, Engine, EngineFailed
from opsloop_metrics.store.port import StoreUnavailable
from opsloop_metrics.store.schema import migrate

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

CONNECT_SECONDS = 5.0


class ServerStore(Engine):
    """A server given by URL, `clickhouse://user:password@host:8123` or `http(s)://…`. Connected at the first use."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("clickhouse://", "http://", 1)
        self._client: Client | None = None
        self._lock = asyncio.Lock()

    async def ask(
        self, sql: str, parameters: Mapping[str, str], settings: Mapping[str, str | int | float], *, workspace: str
    ) -> bytes:
        """Run one statement; whoever goes away ends it on the server too. The server gives workspaces no turns: its users have."""
        client = await self._connected()
        comment = settings.get("log_comment")
        try:
            return await asyncio.to_thread(self._ask, client, sql, parameters, settings)
        except asyncio.CancelledError:
            if comment is not None:
                asyncio.get_running_loop().run_in_executor(None, self._kill, client, str(comment))
            raise

    async def put(
        self, table: str, columns: Sequence[str], body: bytes, settings: Mapping[str, str | int | float]
    ) -> None:
        """Insert rows."""
        client = await self._connected()
        await asyncio.to_thread(self._put, client, table, columns, body, settings)

    async def migrate(self) -> list[str]:
        """Make the tables; returns the names of the migrations that were missing."""
        client = await self._connected()
        return await asyncio.to_thread(migrate, lambda sql: self._ask(client, sql, {}, {}))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    async def _connected(self) -> Client:
        async with self._lock:
            if self._client is None:
                try:
                    self._client = await asyncio.to_thread(
                        get_client,
                        dsn=self._url,
                        connect_timeout=CONNECT_SECONDS,
                        send_receive_timeout=CHANGE_SECONDS,
                        autogenerate_session_id=False,
                    )
                except ClickHouseError as error:
                    raise _unavailable() from error
            return self._client

    @staticmethod
    def _ask(
        client: Client, sql: str, parameters: Mapping[str, str], settings: Mapping[str, str | int | float]
    ) -> bytes:
        given = {f"param_{name}": value for name, value in parameters.items()}
        try:
            return client.raw_query(sql, settings=dict(settings) | given, fmt="JSONCompact")
        except OperationalError as error:
            raise _unavailable() from error
        except ClickHouseError as error:
            raise EngineFailed(str(error)) from error

    @staticmethod
    def _put(
        client: Client,
        table: str,
        columns: Sequence[str],
        body: bytes,
        settings: Mapping[str, str | int | float],
    ) -> None:
        try:
            client.raw_insert(table, columns, body, settings=dict(settings), fmt="JSONCompactEachRow")
        except OperationalError as error:
            raise _unavailable() from error
        except ClickHouseError as error:
            raise EngineFailed(str(error)) from error

    def _kill(self, client: Client, comment: str) -> None:
        with suppress(EngineFailed, StoreUnavailable):
            self._ask(
                client,
                "KILL QUERY WHERE Settings['log_comment'] = {comment:String} ASYNC",
                {"comment": comment},
                {},
            )


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("The event store does not answer; try again.", headers={"Retry-After": "5"})
