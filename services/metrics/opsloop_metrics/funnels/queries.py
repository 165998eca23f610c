"""Funnels as SQL over the event store: whole where the store can answer alone, else what the exact pass reads.

The store's way (docs/insights.md §4, "Chain"): a person's events are arrays in the order of time. Going backwards through the steps,
each event that serves a step is given the times of the steps that follow it, which stand at the next event of the next step: one
pass a step, whatever came between. So each event of the first step ends up with its whole chain, and the best is the greatest of them.
It takes about twice windowFunnel's time, which knows no times, exclusions or values (`bench`: 0.25 s against 0.12 s of 1 million events).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from opsloop_metrics.funnels.rules import MOST_BINS
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, person_of, value_of
from opsloop_metrics.insights.periods import Frame, moved
from opsloop_metrics.steps.rules import NONE, Attribution, CountBy, Funnel, FunnelMode, Order
from opsloop_metrics.store.port import milliseconds

_SESSION_MARGIN = timedelta(hours=24)
_MS = timedelta(milliseconds=1)
_ACTIVITY = "e.kind IN ('track', 'page', 'screen')"
_NO_ACTIVITY = "e.kind NOT IN ('identify', 'alias', 'group')"
_TIME = "toUnixTimestamp64Milli(e.time)"
_TIME_BITS = 44
"""Of milliseconds since a range began: more than all the years that the store knows."""


def read_from(frame: Frame, funnel: Funnel) -> datetime:
    """Return from when on events are read: sessions that began before the range are cut there and not seen whole otherwise."""
    return moved(frame.start, -_SESSION_MARGIN) if funnel.count_by is CountBy.SESSIONS else frame.start


def read_until(frame: Frame, funnel: Funnel) -> datetime:
    """Return until when events are read, itself not."""
    if funnel.count_by is CountBy.SESSIONS:
        return moved(frame.end, _SESSION_MARGIN)
    return frame.end if funnel.mode is FunnelMode.RANGE else moved(frame.end, funnel.window + _MS)


# --- the store alone -------------------------------------------------------------------------------------------------


def entrants(frame: Frame, funnel: Funnel, bind: Binding) -> str:
    """Return SQL with a row an entrant: `person`, `value`, `depth`, `is_open`, and `times` in milliseconds since the range began."""
    window, steps = int(funnel.window / _MS), range(1, len(funnel.steps) + 1)
    width = len(funnel.steps) + len(funnel.exclusions)
    columns, names = (", ".join(f"{letter}{n}" for n in range(1, width + 1)) for letter in "cx")
    depth = " + ".join(f"(x{n} > 0 AND x{n} - x1 <= {window})" for n in steps[1:])
    # chains compare by one number: the deepest, then one that nothing taints, then the soonest done; of equals the last began last
    done = f"{2**_TIME_BITS - 1} - [{', '.join(f'x{n}' for n in steps)}][d]"
    rank = f"bitShiftLeft(toInt64(2 * d + NOT ({_taint(funnel, window)})), {_TIME_BITS}) + {done}"
    times = ", ".join(f"c{n}[place]" for n in steps)
    now = milliseconds(frame.now) - milliseconds(frame.start) + 1
    is_open = f"c1[-1] + {window} >= {now}"
    if funnel.mode is FunnelMode.RANGE:
        is_open += f" AND {now} <= {milliseconds(frame.end) - milliseconds(frame.start)}"
    return (
        f"SELECT person, {_value(funnel)} AS value, depth, times, {is_open} AS is_open FROM ("
        f"SELECT *, depths[place] AS depth, [{times}] AS times FROM ("
        "SELECT *, arrayMax(ranks) AS best, arrayLastIndex(rank -> rank = best, ranks) AS place FROM ("
        f"SELECT *, arrayMap(({names}) -> toUInt8(1 + {depth}), {columns}) AS depths, "
        f"arrayMap(({names}, d) -> {rank}, {columns}, depths) AS ranks FROM ({_chains(frame, funnel, bind)}))) "
        f"WHERE bitTest(best, {_TIME_BITS})){_is_left(funnel)}"
    )


def _chains(frame: Frame, funnel: Funnel, bind: Binding) -> str:
    """Return SQL with a row a person and their chains in order: arrays `c1` … of the times of each step (0: never) and of what taints."""
    last, kept = len(funnel.steps), "person, t, r" + (", v, part" if funnel.breakdown else "")
    sql, columns = _events(frame, funnel, bind), list[str]()
    for step in range(last, 0, -1):
        # whoever is at a step has the times of the steps behind it as they stand at the next event of the next step
        tainting = [
            f"arrayReverseFill(x -> x > 0, arrayMap((t, r) -> if(r = {-1 - number}, t, 0), t, r))"
            for number, each in enumerate(funnel.exclusions)
            if each.first == step - 1
        ]
        columns = ["t", *columns, *tainting]
        if step > 1:
            filled = "arrayReverseFill((x, r) -> r = {step}, arrayMap((x, r) -> if(r = {step}, x, 0), {column}, r), r)"
        else:
            filled = "arrayFilter((x, r) -> r = {step}, {column}, r)"
        named = {f"c{n}" if step == 1 else f"s{step}_{n}": column for n, column in enumerate(columns, 1)}
        shown = ", ".join(f"{filled.format(step=step, column=column)} AS {name}" for name, column in named.items())
        sql, columns = f"SELECT {kept}, {shown} FROM ({sql})", list(named)
    return sql


def _taint(funnel: Funnel, window: int) -> str:
    """Return SQL that says whether a chain, `x1` …, of depth `d` is tainted; what taints stands behind the steps."""
    tests, place = ["0"], len(funnel.steps)
    for step in range(len(funnel.steps) - 1, -1, -1):
        for each in funnel.exclusions:
            if each.first == step:
                place += 1
                until = f"if(d > {each.last}, x{place} < x{each.last + 1}, x{place} - x1 <= {window})"
                tests.append(f"(d > {step} AND x{place} > 0 AND {until})")
    return " OR ".join(tests)


def _events(frame: Frame, funnel: Funnel, bind: Binding) -> str:
    """Return SQL with a row a person: times `t` from 1 on, and roles `r` (steps from 1, exclusions from -1 downwards).

    At one time exclusions come first: what lies beside a step is not behind it.
    """
    roles = [*range(1, len(funnel.steps) + 1), *(-1 - number for number in range(len(funnel.exclusions)))]
    tests = [f"({matches(filter, bind)})" for filter in funnel.filters]
    first = f"{tests[0]} AND e.time < {bind.time(frame.end)}"
    role = ", ".join(f"{test}, {role}" for test, role in zip([first, *tests[1:]], roles, strict=True))
    since = f"{_TIME} - {milliseconds(frame.start) - 1} AS time, toInt8(multiIf({role}, 0)) AS role"
    shown, by = f"{person_of(frame)} AS person, {since}", "person"
    # as one number a time sorts soonest
    seen, arrays = (
        "arraySort(groupArray(time * 64 + role + 32))",
        "arrayMap(x -> bitShiftRight(x, 6), seen) AS t, arrayMap(x -> toInt8(bitAnd(x, 63)) - 32, seen) AS r",
    )
    if funnel.breakdown is not None:
        shown += (
            f", toString(e.event) AS name, e.message_id AS message, {value_of(funnel.breakdown.field, bind)} AS own"
        )
        seen, arrays = (
            "arraySort(groupArray((time, role, name, message, own)))",
            "seen.1 AS t, seen.2 AS r, seen.5 AS v",
        )
        by += ", part" if funnel.is_divided_before else ""
    part = "" if funnel.breakdown is None else (", own AS part" if funnel.is_divided_before else ", '' AS part")
    wanted = [_named(funnel, bind), f"({' OR '.join(tests)})"]
    rows = f"SELECT {shown} {_from(frame, funnel, bind, wanted)}"
    return (
        f"SELECT person{part}, {seen} AS seen, {arrays} FROM ({rows}) "
        f"WHERE role != 0 GROUP BY {by} HAVING countIf(role = 1) > 0"
    )


def _named(funnel: Funnel, bind: Binding) -> str:
    """Return SQL that lets the store leave out what has none of the names, which is what it is sorted by."""
    names = [filter.event for filter in funnel.filters]
    return "1" if None in names else f"e.event IN {bind.texts(sorted({name for name in names if name is not None}))}"


def _value(funnel: Funnel) -> str:
    """Return SQL for the value of a person's best chain."""
    if (breakdown := funnel.breakdown) is None:
        return "''"
    if funnel.is_divided_before:
        return f"if(part = '', '{NONE}', part)"
    at = [
        f"if(depth < {n}, '', v[arrayFirstIndex((time, role) -> time = times[{n}] AND role = {n}, t, r)])"
        for n in range(1, len(funnel.steps) + 1)
    ]
    if breakdown.attribution is Attribution.STEP:
        found = at[breakdown.step]
    else:
        first_or_last = "arrayFirst" if breakdown.attribution is Attribution.FIRST else "arrayLast"
        found = f"{first_or_last}(value -> value != '', [{', '.join(at)}])"
    return f"if(({found} AS found) = '', '{NONE}', found)"


def _is_left(funnel: Funnel) -> str:
    breakdown = funnel.breakdown
    is_of_step = breakdown is not None and breakdown.attribution is Attribution.STEP
    return f" WHERE depth > {breakdown.step}" if breakdown is not None and is_of_step else ""


def table(frame: Frame, funnel: Funnel, bind: Binding) -> str:
    """Return SQL with one row (with a breakdown one a value, in their order): value, then of each step four numbers (`row_of`)."""
    rows, limit = entrants(frame, funnel, bind), funnel.breakdown.limit if funnel.breakdown else 0
    numbers = ", ".join(_numbers(step) for step in range(1, len(funnel.steps) + 1))
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


def _numbers(step: int) -> str:
    if step == 1:
        return "count(), 0, NULL, NULL"
    taken = f"(times[{step}] - times[{step - 1}]) / 1000, depth >= {step}"
    return (
        f"countIf(depth >= {step}), countIf(depth = {step - 1} AND is_open), "
        f"avgOrNullIf({taken}), quantileExactInclusiveOrNullIf(0.5)({taken})"
    )


def _conversion(last: int) -> str:
    """Return SQL for mean, median, least and greatest of the seconds from first to last step."""
    taken = f"(times[{last}] - times[1]) / 1000, depth = {last}"
    return f"avgOrNullIf({taken}), quantileExactInclusiveOrNullIf(0.5)({taken}), minOrNullIf({taken}), maxOrNullIf({taken})"


def _bins(last: int) -> str:
    """Return SQL for how many took how long: counts of the bins that `bins_of` and `bin_edges` name, asked in the same pass."""
    taken = f"groupArrayIf(times[{last}] - times[1], depth = {last}) AS taken"
    number = f"arrayFirst(n -> n * n * n >= length(taken) OR n = {MOST_BINS}, range(1, {MOST_BINS + 1})) AS number"
    start = "intDiv(arrayMin(taken), 1000) AS start"
    width = "intDiv(intDiv(arrayMax(taken) + 999, 1000) - start + number - 1, number) AS width"
    places = "arrayMap(ms -> toUInt8(intDiv(ms - start * 1000, if(width = 0, 60, width) * 1000)), taken) AS places"
    return f"({taken}, {number}, {start}, {width}, {places}, arrayMap(n -> countEqual(places, n), range(number + 1))).6"


def people(frame: Frame, funnel: Funnel, bind: Binding, *, step: int, dropped: bool) -> str:
    """Return SQL with each `person` that did a step, or that did the one before and will not do it."""
    chosen = f"depth = {step} AND NOT is_open" if dropped else f"depth > {step}"
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
        f"SELECT {person_of(frame)} AS person, {_TIME} AS time, toString(e.event) AS name, e.message_id AS message, "
        f"{_bits(tests[:count])} AS steps, {_bits(tests[count:])} AS excluded, {own} AS own "
        f"{_from(frame, funnel, bind, [_looked_at(funnel, bind, tests)])}"
    )
    start, end = milliseconds(frame.start), milliseconds(frame.end)
    first = "steps != 0" if funnel.order is Order.UNORDERED else "bitTest(steps, 0)"
    return f"FROM ({rows}) GROUP BY person HAVING countIf({first} AND time >= {start} AND time < {end}) > 0"


def _looked_at(funnel: Funnel, bind: Binding, tests: Sequence[str]) -> str:
    """Return SQL for which events matter: what a filter matches, and whatever somebody did where it disturbs or makes a session."""
    if funnel.count_by is CountBy.SESSIONS:
        return _ACTIVITY
    if funnel.order is Order.STRICT:
        names = [filter.event for filter in funnel.filters if filter.event is not None]
        return f"({_ACTIVITY} OR e.event IN {bind.texts(sorted(set(names)))})"
    return f"{_named(funnel, bind)} AND ({' OR '.join(tests)})"


def _bits(tests: Sequence[str]) -> str:
    parts = [f"bitShiftLeft(toUInt32({test}), {place})" for place, test in enumerate(tests)]
    return f"toUInt32({' + '.join(parts) or '0'})"


def _from(frame: Frame, funnel: Funnel, bind: Binding, conditions: Sequence[str]) -> str:
    field = funnel.breakdown.field if funnel.breakdown else None
    return from_events(
        frame,
        bind,
        since=read_from(frame, funnel),
        until=read_until(frame, funnel),
        conditions=[_NO_ACTIVITY, *conditions],
        with_traits=needs_traits(*funnel.filters, fields=[field]),
    )
