"""What a selection comes to at two times, by the values of fields: one statement, like those of `queries`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import array, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from opsloop_metrics.events.models import DomainEvent
from opsloop_metrics.events.queries import field_of, holds, number_of, plain_of
from opsloop_metrics.events.rules import Aggregate, Part, Selection

VALUES = 200
"""Of a field, the most frequent: what lies beyond them is told together."""
_CHARACTERS = 100
_SUMS = ("before", "after", "under_before", "under_after")


async def divided(
    session: AsyncSession,
    selection: Selection,
    fields: Sequence[str],
    *,
    before: tuple[datetime, datetime],
    after: tuple[datetime, datetime],
    above: float = 0.0,
) -> list[Part]:
    """Return the parts of `[start, end)` before and after by the fields' values, and as field 0 the whole.

    A median has no parts that add up; how many numbers are `above` one has. People count once a time, for the value of their first
    event in it.
    """
    rows = _rows(selection, fields, before, after, above).subquery()
    # alike events first become one row: what follows is done once for each of eight fields
    alike = (
        select(
            rows.c.is_after,
            rows.c.told,
            func.sum(rows.c.amount).label("amount"),
            func.count().label("weight"),
        )
        .group_by(rows.c.is_after, rows.c.told)
        .subquery()
    )
    each = func.unnest(alike.c.told).table_valued(column("value", Text), with_ordinality="place").render_derived()
    sums = [
        func.coalesce(func.sum(alike.c[name]).filter(alike.c.is_after if late else ~alike.c.is_after), 0)
        for name, late in _PLACES
    ]
    most = func.sum(alike.c.weight).desc(), each.c.value.collate("C")
    rank = func.row_number().over(partition_by=each.c.place, order_by=most)
    counted = (
        select(
            (each.c.place - 1).label("field"),
            each.c.value,
            rank.label("rank"),
            *(cast(total, Text).label(name) for total, name in zip(sums, _SUMS, strict=True)),
        )
        .select_from(alike.join(each, true()))
        .group_by(each.c.place, each.c.value)
        .subquery()
    )
    found = select(counted).where(counted.c.rank <= VALUES).order_by(counted.c.field, counted.c.rank)
    return [
        Part(row.field, row.value, *(_double(getattr(row, name)) for name in _SUMS))
        for row in await session.execute(found)
    ]


_PLACES = (("amount", False), ("amount", True), ("weight", False), ("weight", True))


def _double(text: str) -> float:
    return float(text) if text != "NaN" else inf


def _rows(
    selection: Selection,
    fields: Sequence[str],
    before: tuple[datetime, datetime],
    after: tuple[datetime, datetime],
    above: float,
) -> Select[Any]:
    """Return a row an event (of people: an event each and time): what it adds above and below, and the values of the fields."""
    event = aliased(DomainEvent)
    fits = and_(true(), *(holds(event, condition) for condition in selection.where))
    is_after = event.at >= after[0]
    values = [func.left(plain_of(field_of(event, field)), _CHARACTERS) for field in fields]
    number = number_of(event, selection.property) if selection.property else null()
    one, nothing = (literal_column(digit, Numeric) for digit in "10")
    amount: ColumnElement[Any] = one
    wanted = [fits]
    match selection.aggregate:
        case Aggregate.SHARE:
            amount, wanted = case((fits, one), else_=nothing), []
        case Aggregate.SUM | Aggregate.AVG:
            amount, wanted = number, [fits, number.is_not(None)]
        case Aggregate.MEDIAN | Aggregate.P95:
            least = literal(Decimal(above), Numeric)
            amount, wanted = case((number > least, one), else_=nothing), [fits, number.is_not(None)]
        case Aggregate.USERS:
            wanted = [fits, event.user_id.is_not(None)]
    found = select(
        is_after.label("is_after"),
        amount.label("amount"),
        array([cast(null(), Text), *values]).label("told"),
        event.user_id,
        event.at,
        event.event_id,
    ).where(
        event.type == selection.event,
        or_(*(and_(event.at >= start, event.at < end) for start, end in (before, after))),
        *wanted,
    )
    return _firsts(found.subquery()) if selection.aggregate is Aggregate.USERS else found


def _firsts(rows: Any) -> Select[Any]:
    """Return of each person, at each time, the first event."""
    first = distinct_on(rows.c.is_after, rows.c.user_id)
    return select(rows).ext(first).order_by(rows.c.is_after, rows.c.user_id, rows.c.at, rows.c.event_id)
