"""Keyset pages: stable while rows are added, as quick on page 1,000 as on the first, and never of more than some megabytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, and_, literal, or_, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression
from starlette.requests import Request
from starlette.responses import Response

from opsloop_common.documents import included
from opsloop_common.errors import Invalid
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.http.call import call_of
from opsloop_common.http.schemas import OutModel
from opsloop_common.limits import LIST_CHARACTERS
from opsloop_common.secretbox import SecretBox
from opsloop_common.turns import breathing

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_EXPORTED = 1_000
_PORTION_ROWS = 20  # that are read at a time: as many large ones are some megabytes
_VALUE_CHARACTERS = 64
_FREE = frozenset({"limit", "cursor", "facets"})
"""What may be another on each page: it changes no row's place."""

ItemT = TypeVar("ItemT")
OtherT = TypeVar("OtherT")


class Listing(OutModel, Generic[ItemT]):
    """One page. `next_cursor` asks for the next, null on the last."""

    items: list[ItemT]
    next_cursor: str | None


@dataclass(frozen=True)
class Page:
    """Which page is asked for."""

    limit: int
    after: list[Any] | None
    """Values of the ordering columns in the last row of the page before."""
    secrets: SecretBox
    purpose: str

    def cursor(self, values: Sequence[Any]) -> str:
        """Seal the place after a row."""
        return self.secrets.seal(orjson.dumps([_tagged(value) for value in values]), purpose=self.purpose)


@dataclass(frozen=True)
class PageOf(Generic[ItemT]):
    """Rows of one page."""

    items: list[ItemT]
    next_cursor: str | None

    def map(self, shape: Callable[[ItemT], OtherT]) -> Listing[OtherT]:
        """Return the page as it is sent, each row through `shape`."""
        return Listing[Any](items=[shape(item) for item in self.items], next_cursor=self.next_cursor)

    async def written(self, shape: type[BaseModel], more: Mapping[str, Any] | None = None) -> Response:
        """Return the answer, each row written on its own and others going on in between: for rows that may be large.

        `more` stands beside the rows. The entity tag says what is on the page; cursors of one place are sealed anew each time.
        """
        tag = hashlib.blake2b(digest_size=16)

        def write(item: ItemT) -> bytes:
            line = shape.model_validate(item).model_dump_json().encode()
            tag.update(line)
            return line

        items = await breathing(write, self.items)
        tag.update(orjson.dumps([self.next_cursor is None, more]))
        found = {"items": [included(item) for item in items], "next_cursor": self.next_cursor} | dict(more or {})
        return Response(orjson.dumps(found), media_type="application/json", headers={"ETag": f'W/"{tag.hexdigest()}"'})


async def _page(
    request: Request,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="Most items on a page; one of large items ends earlier.")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")] = None,
) -> Page:
    return _asked(request, limit, cursor)


async def _long_page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_EXPORTED, description="Most items on a page.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")] = None,
) -> Page:
    return _asked(request, limit, cursor)


def _asked(request: Request, limit: int, cursor: str | None) -> Page:
    call = call_of(request)
    secrets, whose = call.shell.runtime.secrets, call.principal.workspace if call.principal is not None else ""
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _FREE)
    # with other filters, or elsewhere, it would begin in the middle and say nothing of it
    purpose = f"cursor {request.scope['path']} {whose} {hashlib.sha256(orjson.dumps(filters)).hexdigest()}"
    after = None
    if cursor is not None:
        try:
            with reading():
                after = [_untagged(item) for item in orjson.loads(secrets.open(cursor, purpose=purpose))]
        except Unreadable as error:
            raise Invalid("/query/cursor", "is not a cursor of this list with these filters") from error
    return Page(limit, after, secrets, purpose)


PageQuery = Annotated[Page, Depends(_page)]
LongPageQuery = Annotated[Page, Depends(_long_page)]
"""For lists of small rows that machines take away as a whole."""


async def paginate(
    session: AsyncSession, statement: Select[*tuple[Any, ...]], page: Page, *, by: Sequence[ColumnElement[Any]]
) -> PageOf[Any]:
    """Return one page of `statement` in the order `by`: columns that are never null, each `.asc()` or `.desc()`, total together.

    A statement that selects one thing (an entity, a column) gives it plainly, else its rows; those carry the ordering columns
    at their end. A page ends at its limit, or with the row that reaches `LIST_CHARACTERS`.
    """
    keys = [_key(ordering) for ordering in by]
    columns = [column.label(f"page_key_{index}") for index, (column, _) in enumerate(keys)]
    is_single = len(statement.column_descriptions) == 1
    query = statement.add_columns(*columns).order_by(None).order_by(*by).limit(page.limit + 1)
    if page.after is not None:
        if len(page.after) != len(keys):
            raise Invalid("/query/cursor", "is not a cursor of this order")
        query = query.where(_after(keys, page.after))
    rows, has_more = await _read(session, query, page.limit)
    cursor = page.cursor(rows[-1][-len(keys) :]) if has_more else None
    return PageOf([row[0] for row in rows] if is_single else rows, cursor)


async def _read(session: AsyncSession, query: Select[*tuple[Any, ...]], limit: int) -> tuple[list[Any], bool]:
    """Return the rows of one page, and whether more follow; what follows is not read."""
    rows: list[Any] = []
    room = LIST_CHARACTERS
    result = await session.stream(query, execution_options={"yield_per": _PORTION_ROWS})
    try:
        async for portion in result.partitions():
            for row in portion:
                if len(rows) == limit or room <= 0:
                    return rows, True
                rows.append(row)
                room -= sum(map(_characters, row))
    finally:
        await result.close()
    return rows, False


def _characters(value: Any) -> int:
    """Return about how much a value takes: an entity what its columns do, a document what all that is in it does."""
    match value:
        case str():
            return _VALUE_CHARACTERS + len(value)
        case dict():
            return sum(_VALUE_CHARACTERS + len(name) + _characters(item) for name, item in value.items())
        case list():
            return sum(map(_characters, value))
        case DeclarativeBase():
            return sum(map(_characters, vars(value).values()))
        case _:
            return _VALUE_CHARACTERS


def _key(ordering: ColumnElement[Any]) -> tuple[ColumnElement[Any], bool]:
    if isinstance(ordering, UnaryExpression):
        if ordering.modifier is operators.desc_op:
            return ordering.element, True
        if ordering.modifier is operators.asc_op:
            return ordering.element, False
    return ordering, False


def _after(keys: Sequence[tuple[ColumnElement[Any], bool]], values: Sequence[Any]) -> ColumnElement[bool]:
    bound = [literal(value, column.type) for (column, _), value in zip(keys, values, strict=True)]
    columns = [column for column, _ in keys]
    if len({descending for _, descending in keys}) == 1:
        left, right = tuple_(*columns), tuple_(*bound)
        return left < right if keys[0][1] else left > right
    cases = []
    for index, (column, descending) in enumerate(keys):
        same = [columns[earlier] == bound[earlier] for earlier in range(index)]
        cases.append(and_(*same, column < bound[index] if descending else column > bound[index]))
    return or_(*cases)


def _tagged(value: Any) -> list[Any]:
    match value:
        case Enum():
            return _tagged(value.value)
        case datetime():
            return ["t", value.isoformat()]
        case UUID():
            return ["u", str(value)]
        case Decimal():
            return ["d", str(value)]
        case str() | int() | float():
            return ["", value]
        case _:
            raise TypeError(f"cannot page by {type(value).__name__}")


def _untagged(item: list[Any]) -> Any:
    kind, value = item
    match kind:
        case "t":
            return datetime.fromisoformat(value)
        case "u":
            return UUID(value)
        case "d":
            return Decimal(value)
        case _:
            return value
