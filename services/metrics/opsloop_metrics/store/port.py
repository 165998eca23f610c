"""What rooms know of the event store: ask, insert, change; everything is in one SQL, ClickHouse's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol
from uuid import UUID

from opsloop_common.errors import DomainError, Unavailable

Parameter = str | int | float | UUID | Sequence[str] | Sequence[int] | Sequence[UUID]
Row = Sequence[object]

QUERY_SECONDS = 10.0
QUERY_BYTES = 1024 * 1024 * 1024
"""Memory of one query. A 3-step funnel over 10 million events takes 600 MB at most."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TooHeavy(DomainError):
    """A query took more time or memory than one may; nothing else was held up by it."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "query_too_heavy"
    title: ClassVar[str] = "The query is too heavy"


class StoreUnavailable(Unavailable):
    """The event store does not answer, or there is none."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a query found: names of columns, and rows of JSON's kinds; UUIDs and times are texts."""

    columns: tuple[str, ...]
    rows: list[list[Any]]


class EventStore(Protocol):
    """Product events, kept in columns. Errors: TooHeavy, StoreUnavailable; whoever goes away cancels the query."""

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        seconds: float = QUERY_SECONDS,
        bytes: int = QUERY_BYTES,
        workspace: str | None = None,
    ) -> Table:
        """Ask. `parameters` stand in the SQL as `{name:Type}` and are never pasted into it.

        `workspace` has its share of turns; None: who writes asks, and waits for nobody's queries.
        """
        ...

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        rows: Sequence[Row],
        *,
        token: str | None = None,
        comment: str | None = None,
    ) -> None:
        """Add rows, durable when this returns. The same `token` again, soon, adds nothing; `comment` names it while it runs."""
        ...

    async def change(
        self, sql: str, parameters: Mapping[str, Parameter] | None = None, *, workspace: str | None = None
    ) -> None:
        """Change or delete rows, done when this returns; whose turn it is, as in `query`."""
        ...


def milliseconds(time: datetime) -> int:
    """Return a time as the store is told it: whole milliseconds since 1970."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def written(time: datetime) -> str:
    """Return a time as a row is written with it: UTC to the millisecond."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")
