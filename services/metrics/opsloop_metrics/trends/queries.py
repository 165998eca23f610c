"""SQL of trends."""

from __future__ import annotations

from datetime import datetime

from opsloop_metrics.insights.events import (
    Binding,
    from_events,
    matches,
    needs_traits,
    number_of,
    person_of,
    value_of,
)
from opsloop_metrics.insights.periods import Frame, interval_sql
from opsloop_metrics.insights.presence import presence
from opsloop_metrics.trends.rules import OTHER, Aggregate, Series, Shown, Trend

_NONE = "'$none'"
_CHARACTERS = 1_000
"""Of a breakdown value: a property may have 900 KiB, and an answer 50 values."""
_NUMBERS = {
    Aggregate.SUM: "sum",
    Aggregate.AVG: "avg",
    Aggregate.MIN: "min",
    Aggregate.MAX: "max",
    # between the closest ranks, at position (n - 1) * p
    Aggregate.MEDIAN: "quantileExactInclusive(0.5)",
    Aggregate.P90: "quantileExactInclusive(0.9)",
    Aggregate.P95: "quantileExactInclusive(0.95)",
    Aggregate.P99: "quantileExactInclusive(0.99)",
}


def ranking(frame: Frame, bind: Binding, trend: Trend, field: str) -> str:
    """Return SQL for the breakdown values with the most events, added up over all series, one more than are shown."""
    wanted = [matches(one.wanted, bind) for one in trend.series]
    source = from_events(
        frame,
        bind,
        conditions=[f"({' OR '.join(wanted)})"],
        of_people=False,
        with_traits=needs_traits(*(one.wanted for one in trend.series), fields=[field]),
    )
    times = " + ".join(f"toUInt64({each})" for each in wanted) if len(wanted) > 1 else "toUInt64(1)"
    return (
        f"SELECT value, sum(times) AS size FROM (SELECT {_told(field, bind)} AS value, {times} AS times {source}) "
        f"GROUP BY value ORDER BY size DESC, value LIMIT {trend.limit + 1}"
    )


def numbers(
    frame: Frame,
    bind: Binding,
    series: Series,
    field: str | None,
    shown: Shown | None,
    *,
    since: datetime,
    until: datetime,
) -> str:
    """Return SQL for rows of the breakdown value's place (see `Shown.rows`), the interval's (None: all), and the number."""
    source = from_events(
        frame,
        bind,
        since=since,
        until=until,
        conditions=[matches(series.wanted, bind)],
        of_people=series.aggregate is Aggregate.USERS,
        with_traits=needs_traits(series.wanted, fields=[field, series.field]),
    )
    place, part = interval_sql(frame, "e.time", since), _part(field, shown, bind)
    if series.aggregate is Aggregate.USERS:
        count = len(frame.edges) - 1
        there = presence(frame, source, place=place, count=count, group=part)
        # the place behind the last stands for them all
        return (
            f"SELECT part, nullIf(place, {count}) AS place, count() FROM ({there}) "
            f"ARRAY JOIN arrayPushBack(places, {count}) AS place GROUP BY part, place"
        )
    value = f"{_NUMBERS[series.aggregate]}(number)" if series.field else "count()"
    number = f", {number_of(series.field, bind)} AS number" if series.field else ""
    # rolled up from the intervals, so that the total costs no second look at the events
    return (
        f"SELECT part, if(grouping(place) = 1, NULL, place), {value} FROM (SELECT {part} AS part, {place} AS place{number} "
        f"{source}) GROUP BY part, place WITH ROLLUP HAVING grouping(part) = 0"
    )


def people(
    frame: Frame,
    bind: Binding,
    series: Series,
    field: str | None,
    value: str | None,
    shown: Shown | None,
    *,
    since: datetime,
    until: datetime,
) -> str:
    """Return SQL with the `person` of each event of a series, of one breakdown value if it is divided; others are not `shown`."""
    conditions = [matches(series.wanted, bind)]
    if field is not None and value == OTHER and shown is not None:
        conditions.append(f"NOT has({bind.texts(shown.values)}, {_told(field, bind)})")
    elif field is not None and value is not None:
        conditions.append(f"{_told(field, bind)} = {bind.text(value)}")
    traits = needs_traits(series.wanted, fields=[field])
    source = from_events(frame, bind, since=since, until=until, conditions=conditions, with_traits=traits)
    return f"SELECT {person_of(frame)} AS person {source}"


def _part(field: str | None, shown: Shown | None, bind: Binding) -> str:
    if field is None or shown is None or not shown.values:
        return "materialize(toUInt8(0))"
    return f"transform({_told(field, bind)}, {bind.texts(shown.values)}, range(1, {len(shown.values) + 1}), 0)"


def _told(field: str, bind: Binding) -> str:
    value = f"leftUTF8(toString({value_of(field, bind)}), {_CHARACTERS})"
    return f"if(empty({value}), {_NONE}, {value})"
