"""The engine in this process (chDB). It is loaded at the first use: who captures nothing pays nothing.

A connection runs one statement at a time, several run side by side, so each thread has one of its own; statements never run in the
event loop. Some threads are the writer's alone: queries, however many and heavy, never keep capture waiting for a thread.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from clickhouse_connect.driver.binding import format_bind_value

from opsloop_common.shares import Places
from opsloop_metrics.store.engine import WRITERS, Engine, EngineFailed, plain
from opsloop_metrics.store.gate import Gate
from opsloop_metrics.store.port import Parameter, StoreUnavailable
from opsloop_metrics.store.schema import migrate

SWITCH_SECONDS = 0.000_5
"""After how long the loop leaves the interpreter to a thread that has an answer; Python's own 5 ms would be a third of a block's time."""
READERS = 3
READERS_KEPT = 2
"""Threads for queries, and how many of them those who asked for much lately leave to the others."""


class EmbeddedStore(Engine):
    """chDB on one folder. Opened by whoever comes first, closed with the service."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._connections: set[Any] = set()
        self._writers = ThreadPoolExecutor(WRITERS, "events-writer")
        self._readers = ThreadPoolExecutor(READERS, "events-reader")
        self._gate = Gate(Places(READERS, kept=READERS_KEPT))
        self._lock = threading.Lock()
        self.is_open = False

    async def ask(
        self,
        sql: str,
        parameters: Mapping[str, Parameter],
        settings: Mapping[str, str | int | float],
        *,
        workspace: str | None,
    ) -> bytes:
        """Run one statement on a reader's connection, or on a writer's."""
        await self._opened()
        statement = f"{sql}\nSETTINGS {_settings(settings)}"
        bound = {name: _bound(value) for name, value in parameters.items()}
        if workspace is None:
            return await self._in_thread(self._writers, statement, bound, settings.get("log_comment"))
        async with self._gate.place(workspace):
            return await self._in_thread(self._readers, statement, bound, settings.get("log_comment"))

    async def put(
        self, table: str, columns: Sequence[str], body: bytes, settings: Mapping[str, str | int | float]
    ) -> None:
        """Insert on a writer's connection. Once begun it is finished, whoever goes away meanwhile."""
        await self._opened()
        given = f" SETTINGS {_settings(settings)}" if settings else ""
        statement = f"INSERT INTO {table} ({', '.join(columns)}){given} FORMAT JSONCompactEachRow\n{body.decode()}"
        await self._in_thread(self._writers, statement, {}, None)

    async def close(self) -> None:
        """Let what runs come to its end, and close the folder."""
        self._writers.shutdown(wait=False)
        self._readers.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for pool in (self._writers, self._readers):
            pool.shutdown()
        for connection in self._connections:
            connection.close()

    async def _opened(self) -> None:
        """Open the folder; whoever comes meanwhile waits, and after a failure the next one tries again."""
        if not self.is_open:
            try:
                await asyncio.to_thread(self._open)
            except (EngineFailed, OSError) as error:
                raise StoreUnavailable("The event store could not be opened.", headers={"Retry-After": "5"}) from error

    def _open(self) -> None:
        with self._lock:
            if not self.is_open:
                sys.setswitchinterval(SWITCH_SECONDS)
                self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
                migrate(lambda sql: self._run(sql, {}))
                self.is_open = True

    async def _in_thread(
        self, pool: ThreadPoolExecutor, sql: str, parameters: dict[str, str], comment: object
    ) -> bytes:
        running = asyncio.get_running_loop().run_in_executor(pool, self._run, sql, parameters)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if comment is not None:
                self._readers.submit(self._kill, str(comment))
            with suppress(EngineFailed):
                await running  # the thread is free only now; nobody else may be told that it is
            raise

    def _kill(self, comment: str) -> None:
        with suppress(EngineFailed):
            self._run("KILL QUERY WHERE Settings['log_comment'] = {comment:String} ASYNC", {"comment": comment})

    def _run(self, sql: str, parameters: dict[str, str]) -> bytes:
        from chdb import ChdbError

        try:
            return bytes(self._connection().query(sql, "JSONCompact", params=parameters).bytes())
        except ChdbError as error:
            # what a statement had answered before it failed comes with the next answer of its connection
            self._connections.discard(self._own.connection)
            self._own.connection.close()
            del self._own.connection
            raise EngineFailed(str(error)) from error

    def _connection(self) -> Any:
        if not hasattr(self._own, "connection"):
            from chdb import connect

            self._own.connection = connect(str(self._path))
            self._connections.add(self._own.connection)
        return self._own.connection


def _bound(value: Parameter) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and all(type(each) is UUID for each in value):
        # thousands for each block: nothing in them has to be escaped
        return f"[{','.join(map(repr, map(str, value)))}]"
    return str(format_bind_value(plain(value)))


def _settings(settings: Mapping[str, str | int | float]) -> str:
    return ", ".join(
        f"{name} = '{value}'" if isinstance(value, str) else f"{name} = {value}" for name, value in settings.items()
    )
