"""Keyset pages: stable while rows are added, and as quick on page 1,000 as on the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query
from sqlalchemy import ColumnElement, Select, and_, literal, or_, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression
from starlette.requests import Request

from opsloop_common.errors import Invalid
from opsloop_common.http.call import call_of
from opsloop_common.http.schemas import OutModel
from opsloop_common.secretbox import SecretBox, Unsealable

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

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


async def _page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most items on a page.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")] = None,
) -> Page:
    secrets = call_of(request).shell.runtime.secrets
    purpose = f"cursor {request.scope['route'].path}"
    after = None
    if cursor is not None:
        try:
            after = [_untagged(item) for item in orjson.loads(secrets.open(cursor, purpose=purpose))]
        except (Unsealable, orjson.JSONDecodeError) as error:
            raise Invalid("/query/cursor", "is not a cursor of this list") from error
    return Page(limit, after, secrets, purpose)


PageQuery = Annotated[Page, Depends(_page)]


async def paginate(
    session: AsyncSession, statement: Select[*tuple[Any, ...]], page: Page, *, by: Sequence[ColumnElement[Any]]
) -> PageOf[Any]:
    """Return one page of `statement` in the order `by`: columns that are never null, each `.asc()` or `.desc()`, total together.

    A statement that selects one thing (an entity, a column) gives it plainly, else its rows; those carry the ordering columns
    at their end.
    """
    keys = [_key(ordering) for ordering in by]
    columns = [column.label(f"page_key_{index}") for index, (column, _) in enumerate(keys)]
    is_single = len(statement.column_descriptions) == 1
    query = statement.add_columns(*columns).order_by(None).order_by(*by).limit(page.limit + 1)
    if page.after is not None:
        if len(page.after) != len(keys):
            raise Invalid("/query/cursor", "is not a cursor of this order")
        query = query.where(_after(keys, page.after))
    rows = (await session.execute(query)).all()
    cursor = None
    if len(rows) > page.limit:
        rows = rows[: page.limit]
        cursor = page.cursor(rows[-1][-len(keys) :])
    return PageOf([row[0] for row in rows] if is_single else list(rows), cursor)


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
