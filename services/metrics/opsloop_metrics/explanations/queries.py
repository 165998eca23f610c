"""What a series of a trend comes to at two times, by the values of fields, as SQL over the event store."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.events.rules import Part
from opsloop_metrics.explanations.rules import Spans
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, number_of, person_of, value_of
from opsloop_metrics.insights.periods import Frame
from opsloop_metrics.trends.rules import Aggregate, Series

MOST_VALUES = 200
"""Of a field, the most frequent: what lies beyond them is told together."""
_CHARACTERS = 100


async def divided(
    session: AsyncSession,
    frame: Frame,
    series: Series,
    fields: Sequence[str],
    spans: Spans,
    *,
    above: float | None = None,
) -> list[Part]:
    """Return the parts of a series in `[start, end)` of two times by the fields' values, and as field 0 the whole.

    People count once a time, for the values of their first event in it. `above`: how many numbers are above that is asked, of how
    many. Raises TooHeavy, StoreUnavailable.
    """
    bind = Binding()
    found = await ask(session, frame, _divided(frame, series, fields, spans, bind, above), bind)
    # '' is what is absent; a number of the store that is none is told as one that nothing can be made of
    return [
        Part(int(field), value or None, *(inf if number is None else float(number) for number in numbers))
        for field, value, *numbers in found.rows
    ]


async def ranked(
    session: AsyncSession, frame: Frame, series: Series, rank: float, spans: Spans
) -> tuple[float | None, float | None]:
    """Return the number of a rank, 0.5 for the median, of a series in `[start, end)` of two times; None of no numbers."""
    bind = Binding()
    number, source = _numbers(frame, series, (), spans, bind)
    rows = f"SELECT e.time >= {bind.time(spans.start)} AS is_after, assumeNotNull({number}) AS number {source}"
    of_both = ", ".join(f"quantileExactInclusiveIf({rank})(number, {when})" for when in ("NOT is_after", "is_after"))
    [row] = (await ask(session, frame, f"SELECT {of_both} FROM ({rows})", bind)).rows
    before, after = (float(found) if found is not None and isfinite(float(found)) else None for found in row)
    return before, after


def _numbers(frame: Frame, series: Series, fields: Sequence[str], spans: Spans, bind: Binding) -> tuple[str, str]:
    """Return the number of each event of a series, and where the events of both times are."""
    times = ((spans.compare_start, spans.compare_end), (spans.start, spans.end))
    within = [f"(e.time >= {bind.time(start)} AND e.time < {bind.time(end)})" for start, end in times]
    number = number_of(series.field, bind) if series.field else "1"
    conditions = [matches(series.wanted, bind), f"({' OR '.join(within)})"]
    if series.field:
        conditions.append(f"isNotNull({number})")
    source = from_events(
        frame,
        bind,
        since=spans.compare_start,
        until=spans.end,
        conditions=conditions,
        of_people=series.aggregate is Aggregate.USERS,
        with_traits=needs_traits(series.wanted, fields=[*fields, series.field]),
    )
    return number, source


def _divided(
    frame: Frame, series: Series, fields: Sequence[str], spans: Spans, bind: Binding, above: float | None
) -> str:
    number, source = _numbers(frame, series, fields, spans, bind)
    if above is not None:
        number = f"if({number} > {bind.number(above)}, 1, 0)"
    values = ", ".join(["''", *(f"leftUTF8(toString({value_of(field, bind)}), {_CHARACTERS})" for field in fields)])
    is_after = f"e.time >= {bind.time(spans.start)}"
    rows = f"SELECT {is_after} AS is_after, assumeNotNull({number}) AS amount, [{values}] AS values {source}"
    if series.aggregate is Aggregate.USERS:
        first = f"SELECT {person_of(frame)} AS person, {is_after} AS is_after, [{values}] AS values, (e.time, e.message_id) AS at {source}"
        rows = f"SELECT is_after, 1 AS amount, argMin(values, at) AS values FROM ({first}) GROUP BY person, is_after"
    sums = "sumIf(amount, NOT is_after), sumIf(amount, is_after), countIf(NOT is_after), countIf(is_after)"
    return (
        f"SELECT field - 1, value, {sums} FROM ({rows}) ARRAY JOIN values AS value, arrayEnumerate(values) AS field "
        f"GROUP BY field, value ORDER BY field, count() DESC, value LIMIT {MOST_VALUES} BY field"
    )
