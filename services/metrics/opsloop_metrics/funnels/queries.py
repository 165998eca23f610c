"""What is asked of the event store about a funnel: its numbers where the store can answer alone, else what the exact pass reads."""

from __future__ import annotations

from collections.abc import Sequence

from opsloop_metrics.funnels.rules import MOST_BINS
from opsloop_metrics.funnels.ways import TIME, entrants, from_of
from opsloop_metrics.insights.events import Binding, matches, person_of, value_of
from opsloop_metrics.insights.periods import Frame
from opsloop_metrics.steps.rules import Funnel, Order
from opsloop_metrics.store.port import milliseconds


def table(frame: Frame, funnel: Funnel, bind: Binding) -> str:
    """Return SQL with one row (with a breakdown one a value, in their order): value, then of each step four numbers (`row_of`)."""
    rows, limit = entrants(frame, funnel, bind), funnel.breakdown.limit if funnel.breakdown else 0
    numbers = ", ".join(_numbers(funnel, step) for step in range(1, len(funnel.steps) + 1))
    if funnel.breakdown is None:
        return (
            f"SELECT '' AS value, {numbers}, {_conversion(len(funnel.steps))}, {_bins(len(funnel.steps))} FROM ({rows})"
        )
    sized = f"SELECT *, count() OVER (PARTITION BY value) AS size FROM ({rows})"
    ranked = f"SELECT *, dense_rank() OVER (ORDER BY size DESC, value) AS place FROM ({sized})"
    return (
        f"SELECT if(least(place, {limit + 1}) AS shown > {limit}, '$other', any(value)) AS value, {numbers} "
        f"FROM ({ranked}) GROUP BY shown ORDER BY shown"
    )


def _numbers(funnel: Funnel, step: int) -> str:
    if step == 1:
        return "count(), 0, NULL, NULL"
    taken = f"(times[{step}] - times[{funnel.before(step - 1) + 1}]) / 1000, times[{step}] > 0"
    return (
        f"countIf(times[{step}] > 0), sum({_is_missing(funnel, step)} * {_may_come(funnel, step)}), "
        f"avgOrNullIf({taken}), quantileExactInclusiveOrNullIf(0.5)({taken})"
    )


# products of 0 and 1: for each AND the store's analyzer looks through all of the statement (0.5 s for six steps, 0.1 s without)


def _is_missing(funnel: Funnel, step: int) -> str:
    """Return SQL that is 1 where someone did the step before one (from 1), and not this one."""
    return f"(times[{funnel.before(step - 1) + 1}] > 0) * (times[{step}] = 0)"


def _may_come(funnel: Funnel, step: int) -> str:
    """Return SQL that is 1 where someone may still do a step: an optional one until the next is done."""
    after = funnel.after_optional(step - 1)
    return "is_open" if after is None else f"is_open * (times[{after + 1}] = 0)"


def _conversion(last: int) -> str:
    """Return SQL for mean, median, least and greatest of the seconds from first to last step."""
    taken = f"(times[{last}] - times[1]) / 1000, times[{last}] > 0"
    return f"avgOrNullIf({taken}), quantileExactInclusiveOrNullIf(0.5)({taken}), minOrNullIf({taken}), maxOrNullIf({taken})"


def _bins(last: int) -> str:
    """Return SQL for how many took how long: counts of the bins that `bins_of` and `bin_edges` name, asked in the same pass."""
    taken = f"groupArrayIf(times[{last}] - times[1], times[{last}] > 0) AS taken"
    number = f"arrayFirst(n -> n * n * n >= length(taken) OR n = {MOST_BINS}, range(1, {MOST_BINS + 1})) AS number"
    start = "intDiv(arrayMin(taken), 1000) AS start"
    width = "intDiv(intDiv(arrayMax(taken) + 999, 1000) - start + number - 1, number) AS width"
    places = "arrayMap(ms -> toUInt8(intDiv(ms - start * 1000, if(width = 0, 60, width) * 1000)), taken) AS places"
    return f"({taken}, {number}, {start}, {width}, {places}, arrayMap(n -> countEqual(places, n), range(number + 1))).6"


def people(frame: Frame, funnel: Funnel, bind: Binding, *, step: int, dropped: bool) -> str:
    """Return SQL with each `person` that did a step, or that did the one before and will not do it."""
    chosen = f"times[{step + 1}] > 0"
    if dropped:
        chosen = f"{_is_missing(funnel, step + 1)} * (1 - {_may_come(funnel, step + 1)}) > 0" if step else "0"
    return f"SELECT person FROM ({entrants(frame, funnel, bind)}) WHERE {chosen}"


# --- what the exact pass reads ---------------------------------------------------------------------------------------


def sizes(frame: Frame, funnel: Funnel, bind: Binding) -> str:
    """Return SQL with one row: how many events the exact pass would read, and how many of one person at most."""
    return f"SELECT sum(size), max(size) FROM (SELECT person, count() AS size {_grouped(frame, funnel, bind)})"


def histories(frame: Frame, funnel: Funnel, bind: Binding, *, part: int, parts: int) -> str:
    """Return SQL with a row a person of one part of them, and their events in order: times, steps, exclusions, values."""
    events = "arraySort(groupArray((time, name, message, steps, excluded, own))) AS seen"
    return (
        f"SELECT toString(person) AS id, seen.1, seen.4, seen.5, seen.6 FROM (SELECT person, {events} "
        f"{_grouped(frame, funnel, bind)} AND cityHash64(person) % {parts} = {part}) ORDER BY id"
    )


def _grouped(frame: Frame, funnel: Funnel, bind: Binding) -> str:
    """Return `FROM … GROUP BY … HAVING …` of the events of all who may enter."""
    count = len(funnel.steps)
    tests = [f"({matches(filter, bind)})" for filter in funnel.filters]
    own = "''" if funnel.breakdown is None else value_of(funnel.breakdown.field, bind)
    rows = (
        f"SELECT {person_of(frame)} AS person, {TIME} AS time, toString(e.event) AS name, e.message_id AS message, "
        f"{_bits(tests[:count])} AS steps, {_bits(tests[count:])} AS excluded, {own} AS own "
        f"{from_of(frame, funnel, bind, tests)}"
    )
    start, end = milliseconds(frame.start), milliseconds(frame.end)
    first = "steps != 0" if funnel.order is Order.UNORDERED else "bitTest(steps, 0)"
    return f"FROM ({rows}) GROUP BY person HAVING countIf({first} AND time >= {start} AND time < {end}) > 0"


def _bits(tests: Sequence[str]) -> str:
    parts = [f"bitShiftLeft(toUInt32({test}), {place})" for place, test in enumerate(tests)]
    return f"toUInt32({' + '.join(parts) or '0'})"
