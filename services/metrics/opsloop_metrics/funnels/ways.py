"""Who went through a funnel and how, as SQL over the event store: the definition of docs/insights.md §4, without a walk.

A subject's events (a person's, a session's) become arrays in the order of time, these its chains (`chaining`), of which the best is
the greatest. So the store answers alone, save where `way_of` says that each person has to be walked with.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from opsloop_metrics.funnels import chaining
from opsloop_metrics.funnels.chaining import NEVER, STEP, STEP_BIT, TIME_BITS, Times
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, person_of, value_of
from opsloop_metrics.insights.periods import Frame, moved
from opsloop_metrics.steps.rules import NONE, Attribution, CountBy, Funnel, FunnelMode, Order, Way, way_of
from opsloop_metrics.store.port import milliseconds

TIME = "toUnixTimestamp64Milli(e.time)"
_SESSION_MARGIN = timedelta(hours=24)
_IDLE_MS = 30 * 60 * 1000
_MS = timedelta(milliseconds=1)
_ACTIVITY = "e.kind IN ('track', 'page', 'screen')"
_NO_ACTIVITY = "e.kind NOT IN ('identify', 'alias', 'group')"


class _Way(NamedTuple):
    """How to chains: what an event is (`what`, a number of so many bits), which may begin one, which is a step, and from arrays on."""

    what: Callable[[Funnel, Times, list[str]], str]
    bits: int
    begins: str
    is_step: str
    chains: Callable[[Funnel, Times, str], str]


_ROLE, _IS_ROLE = (chaining.role, chaining.ROLE_BITS), f"what = {STEP} + {{step}}"
_WAYS = {
    Way.CHAINED: _Way(*_ROLE, f"what = {STEP + 1}", _IS_ROLE, chaining.chained),
    Way.UNORDERED: _Way(*_ROLE, f"what > {STEP}", _IS_ROLE, chaining.unordered),
    Way.TIMED: _Way(
        chaining.kinds,
        chaining.KIND_BITS,
        f"bitTest(what, {STEP_BIT})",
        f"bitTest(what, {STEP_BIT - 1} + {{step}})",
        chaining.timed,
    ),
}


def read_from(frame: Frame, funnel: Funnel) -> datetime:
    """Return from when on events are read: sessions that began before the range are cut there and not seen whole otherwise."""
    return moved(frame.start, -_SESSION_MARGIN) if funnel.count_by is CountBy.SESSIONS else frame.start


def read_until(frame: Frame, funnel: Funnel) -> datetime:
    """Return until when events are read, itself not."""
    if funnel.count_by is CountBy.SESSIONS:
        return moved(frame.end, _SESSION_MARGIN)
    return frame.end if funnel.mode is FunnelMode.RANGE else moved(frame.end, funnel.window + _MS)


def from_of(frame: Frame, funnel: Funnel, bind: Binding, tests: list[str]) -> str:
    """Return `FROM … WHERE …` of all events that matter, given what says that an event is a step or an exclusion."""
    field = funnel.breakdown.field if funnel.breakdown else None
    return from_events(
        frame,
        bind,
        since=read_from(frame, funnel),
        until=read_until(frame, funnel),
        conditions=[_NO_ACTIVITY, *_looked_at(funnel, bind, tests)],
        with_traits=needs_traits(*funnel.filters, fields=[field]),
    )


def _looked_at(funnel: Funnel, bind: Binding, tests: list[str]) -> list[str]:
    """Return SQL for which events matter: what a filter matches, and whatever somebody did where it disturbs or makes a session."""
    names = {filter.event for filter in funnel.filters}
    if funnel.count_by is CountBy.SESSIONS:
        return [_ACTIVITY]
    named = f"e.event IN {bind.texts(sorted(name for name in names if name is not None))}"
    if funnel.order is Order.STRICT:
        return [f"({_ACTIVITY} OR {named})"]
    # a name lets the store leave out what has none of them: it is what it is sorted by
    return [*([] if None in names else [named]), f"({' OR '.join(tests)})"]


def entrants(frame: Frame, funnel: Funnel, bind: Binding) -> str:
    """Return SQL with a row an entrant: `person`, `value`, `times` of the steps in milliseconds (0: not done), `is_open`.

    Raises ValueError for a funnel that has no way.
    """
    kind = way_of(funnel)
    if kind is None:
        raise ValueError("each person has to be walked with")
    way, at = _WAYS[kind], _times(frame, funnel)
    sql = _best(funnel, at, way.chains(funnel, at, _subjects(frame, funnel, bind, way, at)))
    for step, each in enumerate(funnel.steps):
        if each.is_optional:
            sql = f"SELECT *, {_optional(funnel, step, at.window)} AS y{step + 1} FROM ({sql})"
    times = ", ".join(f"y{n}" for n in range(1, len(funnel.steps) + 1))
    is_open = f"c1[-1] + {at.window} >= {at.now}"
    if funnel.mode is FunnelMode.RANGE:
        is_open += f" AND {at.now} < {at.end}"
    value = _value(funnel, way, at.window)
    return f"SELECT person, {value} AS value, [{times}] AS times, {is_open} AS is_open FROM ({sql}){_is_left(funnel)}"


def _times(frame: Frame, funnel: Funnel) -> Times:
    zero = milliseconds(read_from(frame, funnel)) - 1
    start, end, now = (milliseconds(each) - zero for each in (frame.start, frame.end, frame.now))
    return Times(zero, start, end, now, int(funnel.window / _MS))


def _best(funnel: Funnel, at: Times, sql: str) -> str:
    """Return SQL with each subject's best chain, unless it is tainted: `y1` …, when each needed step was done (0: not)."""
    count = len(funnel.needed)
    columns, names = (
        ", ".join(f"{letter}{n}" for n in range(1, count + len(funnel.exclusions) + 1)) for letter in "cx"
    )
    depth = " + ".join(["1", *(f"(x{n} > 0 AND x{n} - x1 <= {at.window})" for n in range(2, count + 1))])
    # chains compare by one number: the deepest, then one that nothing taints, then the soonest done; of equals the last began last
    done = f"{NEVER} - [{', '.join(f'x{n}' for n in range(1, count + 1))}][d]"
    rank = f"bitShiftLeft(toInt64(2 * d + NOT ({_taint(funnel, at.window)})), {TIME_BITS}) + {done}"
    sql = f"SELECT *, arrayMap(({names}) -> toUInt8({depth}), {columns}) AS depths FROM ({sql})"
    sql = f"SELECT *, arrayMap(({names}, d) -> {rank}, {columns}, depths) AS ranks FROM ({sql})"
    # of the chains that start at one time the first has seen all that is of this time
    place = "indexOf(c1, c1[arrayLastIndex(rank -> rank = best, ranks)])"
    sql = f"SELECT *, arrayMax(ranks) AS best, {place} AS place, depths[place] AS depth FROM ({sql})"
    served = ", ".join(f"if(depth >= {n}, c{n}[place], 0) AS y{step + 1}" for n, step in enumerate(funnel.needed, 1))
    return f"SELECT *, {served} FROM ({sql}) WHERE bitTest(best, {TIME_BITS})"


def _taint(funnel: Funnel, window: int) -> str:
    """Return SQL that says whether a chain, `x1` …, of depth `d` is tainted; what taints stands behind the steps."""
    tests = ["0"]
    for place, each in enumerate(funnel.exclusions, len(funnel.needed) + 1):
        first, last = (funnel.needed.index(step) for step in (each.first, each.last))
        until = f"if(d > {last}, x{place} < x{last + 1}, x{place} - x1 <= {window})"
        tests.append(f"(d > {first} AND x{place} > 0 AND {until})")
    return " OR ".join(tests)


def _optional(funnel: Funnel, step: int, window: int) -> str:
    """Return SQL for when an optional step was done, 0 for not: the first time at which one more event can serve it."""
    before, after = funnel.before(step) + 1, (funnel.after_optional(step) or 0) + 1
    known = [n for n in range(len(funnel.steps)) if n < step or n in funnel.needed]
    served = " + ".join([str(1 << step), *(f"bitShiftLeft(y{n + 1} = time, {n})" for n in known)])
    earliest = f"greatest({', '.join(f'y{n + 1}' for n in range(step))}, 0)"
    latest = f"if(y{after} > 0, y{after}, y1 + {window})"
    is_now = f"y{before} > 0 AND time >= {earliest} AND time <= {latest} AND bitTest(sets, {served})"
    return f"arrayFirst((time, sets) -> {is_now}, pt, ps)"


# --- what each subject did -------------------------------------------------------------------------------------------


def _subjects(frame: Frame, funnel: Funnel, bind: Binding, way: _Way, at: Times) -> str:
    """Return SQL with a row a subject: `person`, times `t` in order and what was done, `r`; where asked for `part`, values `v`.

    At one time exclusions come first: what lies beside a step is not behind it.
    """
    part = "person, part" if funnel.is_divided_before else "person"
    if _is_valued(funnel):
        first = f"what > {STEP}" if funnel.order is Order.UNORDERED else "what"
        seen, time, what = f"(at, {first}, name, message, what, value)", "x.1", "x.5"
    else:  # as one number a time sorts soonest
        seen, time = f"at * {1 << way.bits} + what", f"bitShiftRight(x, {way.bits})"
        what = f"bitAnd(x, {(1 << way.bits) - 1})"
    is_whole = funnel.count_by is CountBy.SESSIONS or funnel.order is Order.STRICT
    sql = (
        f"SELECT {part}, arraySort(groupArray({seen})) AS seen FROM ({_events(frame, funnel, bind, way, at)})"
        f"{'' if is_whole else ' WHERE what != 0'} GROUP BY {part} "
        f"HAVING countIf({way.begins} AND at >= {at.start} AND at < {at.end}) > 0"
    )
    if funnel.count_by is CountBy.SESSIONS:
        gaps = f"arrayDifference(arrayMap(x -> {time}, seen))"
        sql = (
            f"SELECT {part}, arrayJoin(arraySplit((x, gap) -> gap > {_IDLE_MS}, seen, {gaps})) AS session FROM ({sql})"
        )
        kept = [f"{time} >= {at.start}"]
        kept += [f"{time} < {at.end}"] if funnel.mode is FunnelMode.RANGE else []
        kept += [f"{what} != 0"] if funnel.order is not Order.STRICT else []
        sql = f"SELECT {part}, arrayFilter(x -> {' AND '.join(kept)}, session) AS seen FROM ({sql})"
    values = ", arrayMap(x -> x.6, seen) AS v" if _is_valued(funnel) else ""
    return f"SELECT {part}, arrayMap(x -> {time}, seen) AS t, arrayMap(x -> {what}, seen) AS r{values} FROM ({sql})"


def _events(frame: Frame, funnel: Funnel, bind: Binding, way: _Way, at: Times) -> str:
    """Return SQL with a row an event: of whom it is, when it was and what it is."""
    tests = [f"({matches(filter, bind)})" for filter in funnel.filters]
    shown = {"person": person_of(frame), "at": f"{TIME} - {at.zero}", "what": way.what(funnel, at, tests)}
    if funnel.breakdown is not None:
        shown["part" if funnel.is_divided_before else "value"] = value_of(funnel.breakdown.field, bind)
    if _is_valued(funnel):
        shown |= {"name": "toString(e.event)", "message": "e.message_id"}
    columns = ", ".join(f"{sql} AS {name}" for name, sql in shown.items())
    return f"SELECT {columns} {from_of(frame, funnel, bind, tests)}"


# --- values ----------------------------------------------------------------------------------------------------------


def _is_valued(funnel: Funnel) -> bool:
    """Say whether an event of a chain says its value."""
    return funnel.breakdown is not None and not funnel.is_divided_before


def _value(funnel: Funnel, way: _Way, window: int) -> str:
    """Return SQL for the value of a subject's best chain."""
    if (breakdown := funnel.breakdown) is None:
        return "''"
    if funnel.is_divided_before:
        return f"if(part = '', '{NONE}', part)"
    steps = range(1, len(funnel.steps) + 1)
    if funnel.order is Order.UNORDERED:
        # in the order in which they were done: of each step the first event
        near = f"time >= y1 AND time <= y1 + {window}"
        firsts = (f"arrayFirstIndex((time, what) -> {near} AND {way.is_step.format(step=n)}, t, r)" for n in steps)
        served = f"(arraySort(arrayFilter(x -> x > 0, [{', '.join(firsts)}])) AS served)"
        places = [f"{served if n == 1 else 'served'}[{n}]" for n in steps]
    else:
        places = [f"arrayFirstIndex((time, what) -> time = y{n} AND {way.is_step.format(step=n)}, t, r)" for n in steps]
    at = [f"if(y{n} = 0, '', v[{place}])" for n, place in zip(steps, places, strict=True)]
    if breakdown.attribution is Attribution.STEP:
        found = at[breakdown.step]
    else:
        first_or_last = "arrayFirst" if breakdown.attribution is Attribution.FIRST else "arrayLast"
        found = f"{first_or_last}(value -> value != '', [{', '.join(at)}])"
    return f"if(({found} AS found) = '', '{NONE}', found)"


def _is_left(funnel: Funnel) -> str:
    breakdown = funnel.breakdown
    is_of_step = breakdown is not None and breakdown.attribution is Attribution.STEP
    return f" WHERE y{breakdown.step + 1} > 0" if breakdown is not None and is_of_step else ""
