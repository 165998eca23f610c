"""Write and read stored events. The SQL lives here alone, so that another store can take this one's place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from pydantic import JsonValue
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    DateTime,
    Double,
    Executable,
    FromClause,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from opsloop_common.conditions import Condition, Op
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import context_of
from opsloop_common.invisible import comparable, comparable_value
from opsloop_common.turns import breathing
from opsloop_metrics.events import rules
from opsloop_metrics.events.models import DomainEvent
from opsloop_metrics.events.rules import Aggregate, Cause, Reading, Selection, Told

_INSERT = text(
    "INSERT INTO domain_event (workspace, event_id, type, at, received_at, user_id, subject, actor, correlationid, "
    "causationdepth, traceparent, data) "
    "SELECT e.workspace, e.event_id, e.type, e.at, :now, e.user_id, e.subject, e.actor, e.correlationid, "
    "e.causationdepth, e.traceparent, CAST(e.data AS jsonb) FROM unnest("
    "CAST(:workspaces AS text[]), CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:ats AS timestamptz[]), "
    "CAST(:users AS text[]), CAST(:subjects AS text[]), CAST(:actors AS text[]), CAST(:correlations AS text[]), "
    "CAST(:depths AS integer[]), CAST(:traces AS text[]), CAST(:data AS text[])) "
    "AS e(workspace, event_id, type, at, user_id, subject, actor, correlationid, causationdepth, traceparent, data) "
    "ON CONFLICT DO NOTHING"
)

_JSON_NULL: ColumnElement[Any] = literal_column("'null'::jsonb", JSONB)
_TIME = DateTime(timezone=True)
_TIMES = ARRAY(_TIME)
_TICK = timedelta(microseconds=1)
PREPARED = 256
"""Statements that are kept put together."""
_COLUMNS = {"id": "event_id"}
"""Columns that do not have the name of the event's attribute."""
_DIGITS = literal(Decimal("1." + "0" * 34), Numeric)
"""Times this, a numeric has so many places more for its quotients, which else keep 16 digits: fewer than a double has."""
_MOST, _LEAST = Decimal("1.7976931348623157e308"), Decimal("1e-300")
_COMPARE = {Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}


async def insert_events(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Store events as they are compared, in one statement; one that is there already stays as it is."""
    await session.execute(
        _INSERT,
        {
            "now": now,
            "workspaces": [event.workspace for event in events],
            "ids": [event.id for event in events],
            "types": [event.type for event in events],
            "ats": [rules.occurred_at(event) for event in events],
            "users": [rules.user_of(event) for event in events],
            "subjects": [comparable(event.subject) for event in events],
            "actors": [comparable(event.actor) for event in events],
            "correlations": [event.correlationid for event in events],
            "depths": [event.causationdepth for event in events],
            "traces": [event.traceparent for event in events],
            "data": await breathing(lambda event: orjson.dumps(comparable_value(event.data)).decode(), events),
        },
    )


async def read(
    session: AsyncSession, selections: Sequence[Selection], *, start: datetime, now: datetime, last_seen: bool = False
) -> list[Reading]:
    """Return what each selection comes to in `(start, now]`, all of them from one statement and so one snapshot."""
    statement = _readings(_Asked(repr((selections, last_seen)), selections, last_seen))
    return [_to_reading(row) for row in await session.execute(statement, {"start": start, "now": now})]


async def find_nth_at(session: AsyncSession, type: str, nth: int, *, start: datetime, end: datetime) -> datetime | None:
    """Return when the nth event of a type in `(start, end]` was, the oldest being the first; None of fewer."""
    found: datetime | None = await session.scalar(_NTH, {"type": type, "before": nth - 1, "start": start, "end": end})
    return found


_NTH = text(
    "SELECT at FROM domain_event WHERE type = :type AND at > :start AND at <= :end ORDER BY at OFFSET :before LIMIT 1"
)


async def series(
    session: AsyncSession, selections: Sequence[Selection], *, edges: Sequence[datetime]
) -> list[list[tuple[float | None, int]]]:
    """Return for each selection (value, samples) of every interval `[edges[i], edges[i + 1])`."""
    found: list[list[tuple[float | None, int]]] = []
    for selection in selections:
        inside = _rows(selection, edges[0] - _TICK, edges[-1] - _TICK)
        value, samples = _aggregate(inside, selection)
        bucket = func.width_bucket(inside.c.at, cast(list(edges), _TIMES))
        rows = await session.execute(
            select(bucket.label("bucket"), value.label("value"), samples.label("samples")).group_by("bucket")
        )
        by_bucket = {row.bucket: (_finite(row.value), row.samples) for row in rows}
        empty = None if selection.aggregate in rules.NULL_WHEN_EMPTY else 0.0
        found.append([by_bucket.get(place, (empty, 0)) for place in range(1, len(edges))])
    return found


class _Asked(NamedTuple):
    """What is read, known by its words: to Python conditions on 1 and on true are the same, and those on lists have no hash."""

    words: str
    selections: Sequence[Selection]
    last_seen: bool

    def __hash__(self) -> int:
        return hash(self.words)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.words == other.words


@lru_cache(maxsize=PREPARED)
def _readings(asked: _Asked) -> Executable:
    """Return the statement that reads selections between `:start` and `:now`; putting it together takes as long as running it."""
    parts = [_reading(place, selection, asked.last_seen) for place, selection in enumerate(asked.selections)]
    return union_all(*parts).order_by("place") if len(parts) > 1 else parts[0]


def _reading(place: int, selection: Selection, last_seen: bool) -> Select[Any]:
    start, now = bindparam("start", type_=_TIME), bindparam("now", type_=_TIME)
    ahead, newest = (aliased(DomainEvent) for _ in range(2))
    inside = _rows(selection, start, now)
    value, samples = _aggregate(inside, selection)
    low, high = (func.min(inside.c.number), func.max(inside.c.number)) if _is_numeric(selection) else (null(), null())
    upcoming = select(func.min(ahead.at)).where(ahead.type == selection.event, ahead.at > now)
    cause = (
        select(func.jsonb_build_array(newest.event_id, newest.correlationid, newest.causationdepth, newest.traceparent))
        .where(newest.type == selection.event, newest.at <= now)
        .order_by(newest.at.desc())
        .limit(1)
    )
    return select(
        literal(place).label("place"),
        cast(value, Text).label("value"),  # a double stays itself as text; a numeric keeps 15 digits of it
        samples.label("samples"),
        func.min(inside.c.at).label("oldest_at"),
        upcoming.scalar_subquery().label("upcoming_at"),
        (_last_seen(selection, now) if last_seen else cast(null(), _TIME)).label("last_seen_at"),
        cause.scalar_subquery().label("cause"),
        cast(low, Text).label("low"),
        cast(high, Text).label("high"),
    ).select_from(inside)


def _rows(selection: Selection, start: Any, end: Any) -> FromClause:
    """Return the samples in `(start, end]`: when each was, about whom, its number, and of a share whether it fulfils the conditions."""
    event = aliased(DomainEvent)
    holding = [_holds(event, condition) for condition in selection.where]
    columns: list[Any] = [event.at, event.user_id]
    wanted = [event.type == selection.event, event.at > start, event.at <= end]
    if selection.aggregate is Aggregate.SHARE:
        columns.append(and_(true(), *holding).label("holds"))
    else:
        wanted += holding
    if _is_numeric(selection):
        columns.append(_number(event, selection.property or "").label("number"))
    found = select(*columns).where(*wanted)
    if len(columns) == 2:
        return found.subquery()
    # the offset keeps PostgreSQL from taking what was read out of JSON out of it again for each aggregate
    once = found.offset(literal_column("0")).subquery()
    return select(once).where(once.c.number.is_not(None)).subquery() if _is_numeric(selection) else once


def _is_numeric(selection: Selection) -> bool:
    return selection.aggregate in rules.NUMERIC


def _last_seen(selection: Selection, now: ColumnElement[datetime]) -> ColumnElement[Any]:
    seen = aliased(DomainEvent)
    return (
        select(seen.at)
        .where(seen.type == selection.event, seen.at <= now, _carries_a_sample(seen, selection))
        .order_by(seen.at.desc())
        .limit(1)
        .scalar_subquery()
    )


def _to_reading(row: Any) -> Reading:
    return Reading(
        value=_finite(row.value),
        samples=row.samples,
        oldest_at=row.oldest_at,
        upcoming_at=row.upcoming_at,
        last_seen_at=row.last_seen_at,
        cause=None if row.cause is None else Cause(*row.cause),
        low=_finite(row.low),
        high=_finite(row.high),
    )


def _finite(value: str | Decimal | float | None) -> float | None:
    """Return the double nearest to a value, if JSON can carry it; a sum beyond its range is no number at all."""
    if value is None or not math.isfinite(number := float(value)):
        return None
    return number


def _aggregate(rows: FromClause, selection: Selection) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the value and the number of samples behind it, as aggregates over `_rows`.

    Values are exact, or have more digits than a double: `_finite` rounds them, once.
    """
    samples, number = func.count(), rows.c.number if _is_numeric(selection) else null()
    match selection.aggregate:
        case Aggregate.COUNT:
            return samples, samples
        case Aggregate.USERS:
            return func.count(rows.c.user_id.distinct()), func.count(rows.c.user_id)
        case Aggregate.SHARE:
            return cast(samples.filter(rows.c.holds), Double) / func.nullif(samples, 0), samples
        case Aggregate.SUM:
            return func.coalesce(func.sum(number), 0), samples
        case Aggregate.AVG:
            return func.sum(number) * _DIGITS / func.nullif(samples, 0), samples
        case Aggregate.MEDIAN:
            lower, upper = (func.percentile_disc(0.5).within_group(order) for order in (number.asc(), number.desc()))
            return (lower + upper) * literal(Decimal("0.5"), Numeric), samples
        case Aggregate.P95:
            return func.percentile_cont(0.95).within_group(_double(number)), samples


def _carries_a_sample(event: Any, selection: Selection) -> ColumnElement[bool]:
    if selection.aggregate is Aggregate.SHARE:
        return true()
    parts = [_holds(event, condition) for condition in selection.where]
    if selection.aggregate in rules.NUMERIC and selection.property:
        parts.append(_number(event, selection.property).is_not(None))
    if selection.aggregate is Aggregate.USERS:
        parts.append(event.user_id.is_not(None))
    return and_(true(), *parts)


def _field(event: Any, field: str) -> ColumnElement[Any]:
    attribute, *path = field.split(".")
    if attribute != "data":
        return func.to_jsonb(getattr(event, _COLUMNS.get(attribute, attribute)), type_=JSONB)
    found: ColumnElement[Any] = event.data
    for name in path:
        # this operator with a text goes into objects only; jsonb_extract_path would take "0" for the first of a list
        found = found.op("->", return_type=JSONB())(literal(name, Text))
    return found


def _number(event: Any, property: str) -> ColumnElement[Any]:
    found = _field(event, property)
    return case((func.jsonb_typeof(found) == "number", cast(found, Numeric)))


def _double(number: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a number as a double, which PostgreSQL refuses to make of what is too large or too small for one."""
    most, size = literal(_MOST, Numeric), func.abs(number)
    bounded = case((size < literal(_LEAST, Numeric), 0), (size > most, func.sign(number) * most), else_=number)
    return cast(bounded, Double)


def _json(value: JsonValue) -> ColumnElement[Any]:
    return _JSON_NULL if value is None else literal(value, JSONB)


def _holds(event: Any, condition: Condition) -> ColumnElement[bool]:
    """Return what `conditions.holds` says as SQL that is true or false, never null, and raises for no kind of JSON.

    jsonb compares by type: 1 equals 1.0 and never "1". Texts are compared by code point, whatever the database's locale;
    what nobody sees was left out of them when they were stored.
    """
    found = func.coalesce(_field(event, condition.field), _JSON_NULL, type_=JSONB)
    value = comparable_value(condition.value)
    match condition.op:
        case Op.IN | Op.NOT_IN if isinstance(value, list):
            among = or_(false(), *(found == _json(each) for each in value))
            return among if condition.op is Op.IN else not_(among)
        case Op.EQ:
            return found == _json(value)
        case Op.NE:
            return found != _json(value)
        case Op.EXISTS:
            return found != _JSON_NULL if value else found == _JSON_NULL
        case Op.CONTAINS:
            return _contains(found, value)
    sign = _COMPARE[condition.op]
    if isinstance(value, str):
        plain = _plain(found).collate("C")
        return and_(func.jsonb_typeof(found) == "string", plain.op(sign, is_comparison=True)(value))
    return and_(func.jsonb_typeof(found) == "number", found.op(sign, is_comparison=True)(_json(value)))


def _plain(found: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a scalar as text, without the quotes of JSON."""
    return found.op("#>>", return_type=Text())(literal_column("'{}'::text[]"))


def _contains(found: ColumnElement[Any], value: JsonValue) -> ColumnElement[bool]:
    member = and_(func.jsonb_typeof(found) == "array", found.op("@>", is_comparison=True)(_json(value)))
    if not isinstance(value, str):
        return member
    part = func.strpos(_plain(found), value) > 0
    return or_(member, and_(func.jsonb_typeof(found) == "string", func.coalesce(part, false())))


field_of, number_of, plain_of, holds = _field, _number, _plain, _holds
"""What an event has, as SQL, for `dividing`."""


async def some_unfed(session: AsyncSession, *, limit: int) -> list[Told]:
    """Return up to `limit` of the workspace's events that are not marked."""
    query = (
        select(DomainEvent.event_id, DomainEvent.type, DomainEvent.at, DomainEvent.user_id, DomainEvent.data)
        .where(DomainEvent.workspace == context_of(session).workspace, not_(DomainEvent.is_fed))
        .order_by(DomainEvent.event_id)
        .limit(limit)
    )
    return [Told(*row) for row in await session.execute(query)]


async def mark_fed(session: AsyncSession, event_ids: Sequence[UUID]) -> None:
    """Mark events."""
    own = DomainEvent.workspace == context_of(session).workspace
    await session.execute(update(DomainEvent).where(own, DomainEvent.event_id.in_(event_ids)).values(is_fed=True))


# loose index scans and short ranges, so that the cost of forgetting grows with what goes, not with what stays
_TYPES = text(
    "WITH RECURSIVE found AS ((SELECT type FROM domain_event WHERE workspace = :workspace ORDER BY type LIMIT 1) UNION ALL "
    "SELECT (SELECT type FROM domain_event WHERE workspace = :workspace AND type > found.type ORDER BY type LIMIT 1) "
    "FROM found WHERE found.type IS NOT NULL) SELECT type FROM found WHERE type IS NOT NULL"
)
_FORGET_PEOPLE = text(
    "DELETE FROM domain_event WHERE ctid = ANY(ARRAY(SELECT ctid FROM domain_event WHERE workspace = :workspace "
    "AND user_id = ANY(CAST(:user_ids AS text[])) LIMIT :limit))"
)
_FORGET = text(
    "DELETE FROM domain_event WHERE ctid = ANY(ARRAY(SELECT ctid FROM domain_event "
    "WHERE workspace = :workspace AND type = :type AND at < :before ORDER BY at LIMIT :limit))"
)


async def types(session: AsyncSession) -> Sequence[str]:
    """Return the types of the session's workspace's events."""
    return (await session.scalars(_TYPES, {"workspace": context_of(session).workspace})).all()


async def forget_people(session: AsyncSession, user_ids: Sequence[str], *, limit: int) -> int:
    """Delete up to `limit` events about some people; returns how many."""
    given = {"workspace": context_of(session).workspace, "user_ids": list(user_ids), "limit": limit}
    deleted: CursorResult[Any] = await session.execute(_FORGET_PEOPLE, given)  # type: ignore[assignment]
    return deleted.rowcount


async def forget(session: AsyncSession, type: str, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` events of one type that happened before a time; returns how many."""
    given = {"workspace": context_of(session).workspace, "type": type, "before": before, "limit": limit}
    deleted: CursorResult[Any] = await session.execute(_FORGET, given)  # type: ignore[assignment]
    return deleted.rowcount
