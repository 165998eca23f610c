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
from opsloop_metrics.insights.periods import EventFilter, Frame, interval_sql
from opsloop_metrics.retentions.rules import DAY, Counted, Mode, Result, Retention, answered, edges_of
from opsloop_metrics.store.port import milliseconds

_EVER = datetime(1900, 1, 1, tzinfo=UTC)
_DAY_MS = DAY // timedelta(milliseconds=1)
_NO_ACTIVITY = "e.kind NOT IN ('identify', 'alias', 'group')"


async def find_retention(session: AsyncSession, frame: Frame, asked: Retention) -> Result:
    """Return who came back when; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    found = await ask(session, frame, _ranked(frame, asked, bind), bind)
    return answered(frame, asked, (Counted(*row[:2], *map(int, row[2:])) for row in found.rows))


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
        f"SELECT toUInt32(least(place, {breakdown.limit + 1})) AS rank, if(rank > {breakdown.limit}, '$other', any(value)), "
        f"cell.1 AS row, cell.2 AS column, sum(cell.3) FROM ({ranked}) ARRAY JOIN cells AS cell GROUP BY rank, row, column"
    )


def _members(frame: Frame, asked: Retention, bind: Binding) -> str:
    """Return SQL with a row for each person and each row that they are in: `row`, `value`, `columns` (0 among them)."""
    row, value, begun_at = ("begun", "''", "0") if _is_by_place(asked) else ("begun.1", "begun.3", "begun.2")
    came = f"intDiv(back - {begun_at}, {_DAY_MS})" if asked.windows_24h else f"back - {row}"
    # each column once, where it has been seen often enough
    columns = (
        f"arrayFilter((column, seen) -> seen = {asked.min_occurrences} AND column > 0 AND column < {asked.periods}, "
        f"arrayMap(back -> toInt32({came}), returns) AS came, arrayEnumerateUniq(came))"
    )
    if asked.rolling:
        columns = f"arraySlice(arrayReverseSort({columns}), 1, 1)"
    return (
        f"SELECT person, {row} AS row, if({value} = '', '$none', {value}) AS value, "
        f"arrayConcat([toInt32(0)], {columns}) AS columns "
        f"FROM (SELECT person, returns, arrayJoin({_rows(asked)}) AS begun FROM ({_people(frame, asked, bind)}))"
    )


def _is_by_place(asked: Retention) -> bool:
    """Say whether it is all the same which of a row's start events is the first."""
    return asked.mode is Mode.RECURRING and asked.breakdown is None and not asked.windows_24h


def _rows(asked: Retention) -> str:
    """Return SQL for the rows that a person is in: places, or (place, time, value) of the first start event of each."""
    match asked.mode:
        case Mode.FIRST_TIME:
            return "if(starts.1 >= 0, [starts], [])"
        case Mode.FIRST_EVER:
            return "if(starts.1 >= 0 AND starts.2 = first_at, [starts], [])"
    if _is_by_place(asked):
        return "starts"
    sorted_starts = "arraySort(start -> (start.2, start.4, start.5), starts)"
    return f"arrayFilter((start, seen) -> seen = 1, {sorted_starts} AS ordered, arrayEnumerateUniq(ordered.1))"


def _people(frame: Frame, asked: Retention, bind: Binding) -> str:
    """Return SQL with a row for each person who has a start event: `starts`, and `returns` as places (times, for 24-hour windows)."""
    start = "(place, at, value, name, message)"
    if _is_by_place(asked):
        starts = "groupUniqArrayIf(place, is_start)"
    elif asked.mode is Mode.RECURRING:
        starts = f"groupArrayIf({start}, is_start)"
    else:
        starts = "argMinIf((place, at, value), (at, name, message), is_start)"
    back = "at" if asked.windows_24h else "place"
    collected = "groupUniqArrayIf" if asked.min_occurrences == 1 and not asked.windows_24h else "groupArrayIf"
    return (
        f"SELECT person, {starts} AS starts, {collected}({back}, is_return) AS returns, minIf(at, is_named) AS first_at "
        f"FROM ({_events(frame, asked, bind)}) GROUP BY person HAVING countIf(is_start) > 0"
    )


def _events(frame: Frame, asked: Retention, bind: Binding) -> str:
    """Return SQL with a row for each event that matters."""
    begin, narrowed = frame.edges[0], frame
    start, back, named = asked.start, asked.back, matches(EventFilter(asked.start.event), bind)
    if asked.mode is Mode.FIRST_EVER:
        # the first event of the name is looked for among all, also those that `where` leaves out
        start, back = (replace(each, where=(*each.where, *frame.where)) for each in (start, back))
        narrowed = replace(frame, where=())
    is_start = f"{matches(start, bind)} AND e.time < {bind.time(frame.end)}"
    is_return = f"{matches(back, bind)} AND e.time >= {bind.time(begin)}"
    wanted = [_NO_ACTIVITY, f"({is_start} OR {is_return}{f' OR {named}' if asked.mode is Mode.FIRST_EVER else ''})"]
    if asked.start.event is not None and asked.back.event is not None:
        wanted.insert(0, f"e.event IN {bind.texts(sorted({asked.start.event, asked.back.event}))}")  # the store's order
    needs_value = asked.breakdown is not None
    value = value_of(asked.breakdown.field, bind) if asked.breakdown else "''"
    return (
        f"SELECT {person_of(frame)} AS person, {interval_sql(frame, 'e.time')} AS place, toUnixTimestamp64Milli(e.time) AS at, "
        f"{'toString(e.event)' if needs_value else repr('')} AS name, {'e.message_id' if needs_value else repr('')} AS message, "
        f"toString({value}) AS value, {is_start} AS is_start, {is_return} AS is_return, {named} AS is_named "
        + from_events(
            narrowed,
            bind,
            since=begin if asked.mode is Mode.RECURRING else _EVER,
            until=frame.end + asked.periods * DAY if asked.windows_24h else edges_of(frame, asked)[-1],
            conditions=wanted,
            with_traits=needs_traits(start, back, fields=[asked.breakdown.field if asked.breakdown else None]),
        )
    )
