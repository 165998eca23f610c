"""Both engines' common half: a query's bounds, its answer, rows as JSON, and errors in our words."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import orjson

from opsloop_metrics.store.port import QUERY_BYTES, QUERY_SECONDS, Parameter, Row, StoreUnavailable, Table, TooHeavy

_CODE = re.compile(r"Code: (\d+)\.")
_TOO_MUCH = {159: "time", 160: "time", 241: "memory", 307: "time", 396: "rows"}
"""ClickHouse's codes of what has a bound: TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES."""
CHANGE_SECONDS = 600.0
WRITERS = 2
"""Threads of who writes: a block is written while the ids of the one before are noted."""


class EngineFailed(Exception):
    """The engine refused a statement, in its own words; `code` is ClickHouse's number of the error, 0 where there is none."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        found = _CODE.search(words)
        self.code = int(found[1]) if found else 0


class Engine(ABC):
    """An event store on one engine; the two differ in how a statement gets there."""

    @abstractmethod
    async def ask(
        self,
        sql: str,
        parameters: Mapping[str, Parameter],
        settings: Mapping[str, str | int | float],
        *,
        workspace: str | None,
    ) -> bytes:
        """Run one statement when its turn comes and return its answer; raises EngineFailed, StoreUnavailable."""

    @abstractmethod
    async def put(
        self, table: str, columns: Sequence[str], body: bytes, settings: Mapping[str, str | int | float]
    ) -> None:
        """Insert rows given as JSONCompactEachRow; raises EngineFailed, StoreUnavailable."""

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        seconds: float = QUERY_SECONDS,
        bytes: int = QUERY_BYTES,
        workspace: str | None = None,
    ) -> Table:
        """Ask; see `EventStore.query`."""
        settings: dict[str, str | int | float] = {
            "max_execution_time": seconds,
            "max_memory_usage": bytes,
            # groups that would not fit go to the disk: a query gets slower before it gets too heavy
            "max_bytes_before_external_group_by": bytes * 2 // 5,
            "max_temporary_data_on_disk_size_for_query": 4 * bytes,
            "readonly": 2,
            "max_result_rows": 1_000_000,
            "log_comment": uuid4().hex,
        }
        try:
            said = await self.ask(sql, parameters or {}, settings, workspace=workspace)
        except EngineFailed as error:
            if (what := _TOO_MUCH.get(error.code)) is not None:
                raise TooHeavy(f"This takes more {what} than one query may.") from error
            raise
        answer = orjson.loads(said)
        return Table(tuple(column["name"] for column in answer["meta"]), answer["data"])

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        rows: Sequence[Row],
        *,
        token: str | None = None,
        comment: str | None = None,
    ) -> None:
        """Add rows; see `EventStore.insert`."""
        if not rows:
            return
        wanted = {"insert_deduplication_token": token, "log_comment": comment}
        settings: dict[str, str | int | float] = {name: said for name, said in wanted.items() if said is not None}
        try:
            await self.put(table, columns, b"\n".join(map(orjson.dumps, rows)), settings)
        except EngineFailed as error:
            raise StoreUnavailable(
                "The event store did not take it; try again.", headers={"Retry-After": "1"}
            ) from error

    async def change(
        self, sql: str, parameters: Mapping[str, Parameter] | None = None, *, workspace: str | None = None
    ) -> None:
        """Change rows; see `EventStore.change`."""
        settings = {"mutations_sync": 1, "max_execution_time": CHANGE_SECONDS}
        await self.ask(sql, parameters or {}, settings, workspace=workspace)


def plain(value: Parameter) -> object:
    """Return a parameter as the driver knows it: UUIDs are texts."""
    if isinstance(value, str | int | float):
        return value
    return str(value) if isinstance(value, UUID) else [str(each) if isinstance(each, UUID) else each for each in value]
