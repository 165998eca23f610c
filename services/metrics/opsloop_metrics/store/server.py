"""A ClickHouse server over HTTP, through its own client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from clickhouse_connect import get_client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from opsloop_common.shares import Places
from opsloop_metrics.store.engine import CHANGE_SECONDS, WRITERS, Engine, EngineFailed, plain
from opsloop_metrics.store.gate import Gate
from opsloop_metrics.store.port import Parameter, StoreUnavailable
from opsloop_metrics.store.schema import migrate

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

CONNECT_SECONDS = 5.0
READERS = 8
READERS_KEPT = 2
"""Queries of one process at once, and how many of them those who asked for much lately leave to the others."""


class ServerStore(Engine):
    """A server given by URL, `clickhouse://user:password@host:8123` or `http(s)://…`. Connected at the first use."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("clickhouse://", "http://", 1)
        self._client: Client | None = None
        self._lock = asyncio.Lock()
        self._writers = ThreadPoolExecutor(WRITERS, "events-writer")
        self._readers = ThreadPoolExecutor(READERS, "events-reader")
        self._gate = Gate(Places(READERS, kept=READERS_KEPT))

    async def ask(
        self,
        sql: str,
        parameters: Mapping[str, Parameter],
        settings: Mapping[str, str | int | float],
        *,
        workspace: str | None,
    ) -> bytes:
        """Run one statement; whoever goes away ends it on the server too."""
        client = await self._connected()
        if workspace is None:
            return await self._in_thread(self._writers, client, sql, parameters, settings)
        async with self._gate.place(workspace):
            return await self._in_thread(self._readers, client, sql, parameters, settings)

    async def _in_thread(
        self,
        pool: ThreadPoolExecutor,
        client: Client,
        sql: str,
        parameters: Mapping[str, Parameter],
        settings: Mapping[str, str | int | float],
    ) -> bytes:
        running = asyncio.get_running_loop().run_in_executor(pool, self._ask, client, sql, parameters, settings)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if (comment := settings.get("log_comment")) is not None:
                await asyncio.to_thread(self._kill, client, str(comment))
            with suppress(EngineFailed, StoreUnavailable):
                await running  # the thread is free only now; nobody else may be told that it is
            raise

    async def put(
        self, table: str, columns: Sequence[str], body: bytes, settings: Mapping[str, str | int | float]
    ) -> None:
        """Insert rows. Once begun it is finished, whoever goes away meanwhile."""
        client = await self._connected()
        await asyncio.get_running_loop().run_in_executor(
            self._writers, self._put, client, table, columns, body, settings
        )

    async def migrate(self) -> list[str]:
        """Make the tables; returns the names of the migrations that were missing."""
        client = await self._connected()
        return await asyncio.to_thread(migrate, lambda sql: self._ask(client, sql, {}, {}))

    async def close(self) -> None:
        """Let what runs come to its end, and close the connections."""
        self._writers.shutdown(wait=False)
        self._readers.shutdown(wait=False, cancel_futures=True)
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
                        form_encode_query_params=True,  # thousands of ids fit into no address, and they are nobody's logs' business
                    )
                except ClickHouseError as error:
                    raise _unavailable() from error
            return self._client

    @staticmethod
    def _ask(
        client: Client, sql: str, parameters: Mapping[str, Parameter], settings: Mapping[str, str | int | float]
    ) -> bytes:
        # not as `fmt`, which is written behind every statement: an INSERT with VALUES takes it for one of them
        wanted = dict(settings) | {"default_format": "JSONCompact"}
        try:
            return client.raw_query(sql, {name: plain(value) for name, value in parameters.items()} or None, wanted)
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
