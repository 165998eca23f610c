"""Files whose rows are no events: who reads them, and who takes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.errors import Conflict, NotFound
from opsloop_metrics.capture.rules import Outcome, Problem, Refused
from opsloop_metrics.event_files.rules import Format, Row, problem_of
from opsloop_metrics.orders import rules as order_rows
from opsloop_metrics.orders import service as orders
from opsloop_metrics.recording.service import Accepted
from opsloop_metrics.store_downloads import rules as download_rows
from opsloop_metrics.store_downloads import service as store_downloads


@dataclass(frozen=True)
class Table:
    """What a room does with a file: say which columns lack, read a row (Refused), take one in (Conflict, NotFound, of which
    `refused` makes what the row is told), take all back.

    Rows of one key are about one thing: they are taken in the order of the file, and keys in theirs.
    """

    missing: Callable[[Sequence[str]], list[str]]
    read: Callable[[Mapping[str, object], tzinfo], Any]
    key: Callable[[Any], Any]
    take: Callable[..., Awaitable[bool]]
    take_back: Callable[[AsyncSession, UUID], Awaitable[int]]
    refused: Callable[[Mapping[str, object], Conflict | NotFound], Refused] | None = None


TABLES = {
    Format.ORDERS: Table(
        order_rows.missing,
        order_rows.read_row,
        attrgetter("order_id"),
        orders.take_row,
        orders.take_back,
        order_rows.refused,
    ),
    Format.STORE_DOWNLOADS: Table(
        download_rows.missing,
        download_rows.read_row,
        attrgetter("day", "store", "app", "country"),
        store_downloads.take_row,
        store_downloads.take_back,
    ),
}


def read_row(row: Row, format: Format, zone: tzinfo) -> Any:
    """Return what a row says, or a Problem that says why it is refused."""
    try:
        if row.refused is not None:
            raise row.refused
        return TABLES[format].read(row.value or {}, zone)
    except Refused as refused:
        return problem_of(row, refused)


async def take(
    session: AsyncSession, format: Format, import_id: UUID, rows: Sequence[Row], read: Sequence[Any]
) -> Accepted:
    """Take rows in, within the transaction that notes them; what a row's room refuses refuses that row alone.

    By key, whatever the order of the file: two files that name the same things would else wait for each other for ever.
    """
    table = TABLES[format]
    outcomes: dict[int, Outcome] = {}
    problems = [each for each in read if isinstance(each, Problem)]
    readable = [(row, each) for row, each in zip(rows, read, strict=True) if not isinstance(each, Problem)]
    for row, each in sorted(readable, key=lambda pair: table.key(pair[1])):
        try:
            is_new = await table.take(session, each, import_id=import_id)
        except (Conflict, NotFound) as refusal:  # before anything was written
            if table.refused is None:
                raise
            problems.append(problem_of(row, table.refused(row.value or {}, refusal)))
        else:
            outcomes[row.number] = Outcome.STORED if is_new else Outcome.KNOWN
    return Accepted(outcomes, tuple(sorted(problems, key=lambda problem: problem.index)))
