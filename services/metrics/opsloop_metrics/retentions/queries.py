"""Retention as SQL over the event store.

A person's start events become the rows that they are in, their return events become places of intervals; the columns of a row are the
places behind it. All is in arrays, one row a person, so that no start event ever meets a return event in a join.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, person_of, value_of
from opsloop_metrics.insights.periods import EventFilter, Frame, interval_sql, moved
from opsloop_metrics.insights.persons import Person, Portion, list_persons
from opsloop_metrics.retentions.rules import (
    DAY,
    OTHER,
    Chosen,
    Counted,
    Result,
    Retention,
    RetentionMode,
    answered,
    edges_of,
)

_EVER = datetime(1900, 1, 1, tzinfo=UTC)
_DAY_MS = DAY // timedelta(milliseconds=1)
_NO_ACTIVITY = "e.kind NOT IN ('identify', 'alias', 'group')"


async def find_retention(session: AsyncSession, frame: Frame, asked: Retention) -> Result:
    """Return who came back when; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    found = await ask(session, frame, _ranked(frame, asked, bind), bind)
    return answered(frame, asked, (Counted(*row[:2], *map(int, row[2:])) for row in found.rows))


async def find_people(
    session: AsyncSession, frame: Frame, asked: Retention, chosen: Chosen, portion: Portion
) -> list[Person]:
    """Return who of a row came back in a column, or who did not; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    persons = _people_of(frame, asked, chosen, bind)
    return await list_persons(session, frame, persons, bind, portion, since=frame.edges[0], until=frame.end)


def _people_of(frame: Frame, asked: Retention, chosen: Chosen, bind: Binding) -> str:
    # of a rolling row only the last column is told
    came = f"arrayMax(columns) >= {chosen.column}" if asked.rolling else f"has(columns, {chosen.column})"
    wanted = [f"row = {chosen.row}", came if chosen.retained else f"NOT {came}"]
    if asked.breakdown is not None and chosen.value == OTHER:
        # each row that somebody is in counts them once in its column 0, by which values rank
        shown = f"SELECT value FROM members GROUP BY value ORDER BY count() DESC, value LIMIT {asked.breakdown.limit}"
        wanted.append(f"value NOT IN ({shown})")
    elif chosen.value is not None:
        wanted.append(f"value = {bind.text(chosen.value)}")
    return f"WITH members AS ({_members(frame, asked, bind)}) SELECT person FROM members WHERE {' AND '.join(wanted)}"


def _ranked(frame: Frame, asked: Retention, bind: Binding) -> str:
    """Return SQL with the rows of `Counted`; of values that rank behind the limit all are one."""
    counted = (
        f"SELECT value, row, column, count() AS people FROM ({_members(frame, asked, bind)}) "
        "ARRAY JOIN columns AS column GROUP BY value, row, column"
    )
    if (breakdown := asked.breakdown) is None:
        return f"SELECT 0, NULL, row, column, people FROM ({counted})"
    ranked = (
        "SELECT value, groupArray((row, column, people)) AS cells, "
        "row_number() OVER (ORDER BY sumIf(people, column = 0) DESC, value) AS place "
        f"FROM ({counted}) GROUP BY value"
    )
    return (
        f"SELECT toUInt32(least(place, {breakdown.limit + 1})) AS rank, if(rank > {breakdown.limit}, '{OTHER}', any(value)), "
        f"cell.1 AS row, cell.2 AS column, sum(cell.3) FROM ({ranked}) ARRAY JOIN cells AS cell GROUP BY rank, row, column"
    )


def _members(frame: Frame, asked: Retention, bind: Binding) -> str:
    """Return SQL with a row for each person and each row that they are in: `row`, `value`, `columns` (0 among them)."""
    row = "toInt32(begun)" if _is_by_place(asked) else "begun.1"
    value = "if(begun.3 = '', '$none', begun.3)" if asked.breakdown else "''"
    came = f"intDiv(back - begun.2, {_DAY_MS})" if asked.windows_24h else f"back - {row}"
    columns = (
        f"arrayFilter(column -> column > 0 AND column < {asked.periods}, arrayMap(back -> toInt32({came}), returns))"
    )
    if not _is_back_once(asked):
        # each column once, where it has been seen often enough
        columns = f"arrayFilter((column, seen) -> seen = {asked.min_occurrences}, {columns} AS came, arrayEnumerateUniq(came))"
    if asked.rolling:
        columns = f"arraySlice(arrayReverseSort({columns}), 1, 1)"
    return (
        f"SELECT person, {row} AS row, {value} AS value, arrayConcat([toInt32(0)], {columns}) AS columns "
        f"FROM (SELECT person, returns, arrayJoin({_rows(asked)}) AS begun FROM ({_people(frame, asked, bind)}))"
    )


def _is_by_place(asked: Retention) -> bool:
    """Say whether it is all the same which of a row's start events is the first."""
    return asked.mode is RetentionMode.RECURRING and asked.breakdown is None and not asked.windows_24h


def _is_back_once(asked: Retention) -> bool:
    """Say whether it is all the same how often somebody came back in an interval."""
    return asked.min_occurrences == 1 and not asked.windows_24h


def _rows(asked: Retention) -> str:
    """Return SQL for the rows that a person is in: places, or (place, time, value) of the first start event of each."""
    match asked.mode:
        case RetentionMode.FIRST_TIME:
            return "if(starts.1 >= 0, [starts], [])"
        case RetentionMode.FIRST_EVER:
            return "if(starts.1 >= 0 AND starts.2 = first_at, [starts], [])"
    if _is_by_place(asked):
        return "starts"
    in_order = "arraySort(start -> (start.2, start.4, start.5), starts)" if asked.breakdown else "arraySort(starts)"
    return f"arrayFilter((start, seen) -> seen = 1, {in_order} AS ordered, arrayEnumerateUniq(ordered.1))"


def _people(frame: Frame, asked: Retention, bind: Binding) -> str:
    """Return SQL with a row for each person who has a start event: `starts`, and `returns` as places (times, for 24-hour windows)."""
    if _is_by_place(asked):
        starts = "groupUniqArrayIf(toUInt16(place), is_start) AS starts"  # short numbers make short tables
    elif asked.mode is RetentionMode.RECURRING:
        starts = f"groupArrayIf((place, at{', value, name, message' if asked.breakdown else ''}), is_start) AS starts"
    else:
        value = "argMinIf(value, (at, name, message), is_start)" if asked.breakdown else "''"
        starts = f"(minIf(place, is_start), minIf(at, is_start), {value}) AS starts"
    if asked.mode is RetentionMode.FIRST_EVER:
        starts += ", minIf(at, is_named) AS first_at"
    back = "at" if asked.windows_24h else "toUInt16(place)"
    collected = "groupUniqArrayIf" if _is_back_once(asked) else "groupArrayIf"
    ever = " OR is_named" if asked.mode is RetentionMode.FIRST_EVER else ""
    return (
        f"SELECT person, {collected}({back}, is_return) AS returns, {starts} "
        f"FROM ({_events(frame, asked, bind)}) WHERE is_start OR is_return{ever} GROUP BY person HAVING countIf(is_start) > 0"
    )


def _events(frame: Frame, asked: Retention, bind: Binding) -> str:
    """Return SQL with a row for each event that may matter, and for what."""
    start, back, begin = asked.start, asked.back, frame.edges[0]
    narrowed, since = frame, begin if asked.mode is RetentionMode.RECURRING else _EVER
    if asked.mode is RetentionMode.FIRST_EVER:
        # the first event of the name is looked for among all, also those that `where` leaves out
        start, back = (replace(each, where=(*each.where, *frame.where)) for each in (start, back))
        narrowed = replace(frame, where=())
    wanted, field = [], asked.breakdown.field if asked.breakdown else None
    if start.event is not None or back.event is not None:
        wanted.append(_NO_ACTIVITY)
    if start.event is not None and back.event is not None:
        wanted.append(f"e.event IN {bind.texts(sorted({start.event, back.event}))}")  # what the store is sorted by
    shown = {
        "person": person_of(frame),
        "place": interval_sql(frame, "e.time"),
        "at": "toUnixTimestamp64Milli(e.time)",
        "is_start": f"{matches(start, bind)} AND e.time < {bind.time(frame.end)}",
        "is_return": f"{matches(back, bind)} AND e.time >= {bind.time(begin)}",
    }
    if asked.mode is RetentionMode.FIRST_EVER:
        shown["is_named"] = matches(EventFilter(start.event), bind)
    if field is not None:
        # only start events say a value: it may take parsing
        value = f"if(is_start, toString({value_of(field, bind)}), '')"
        shown |= {"value": value, "name": "toString(e.event)", "message": "e.message_id"}
    read = from_events(
        narrowed,
        bind,
        since=since,
        until=moved(frame.end, asked.periods * DAY) if asked.windows_24h else edges_of(frame, asked)[-1],
        conditions=wanted,
        with_traits=needs_traits(start, back, fields=[field]),
    )
    return f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in shown.items())} {read}"
