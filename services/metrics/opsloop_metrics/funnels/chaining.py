"""Chains as SQL over arrays: of each subject all of its chains, from the events that it has in order.

In comes SQL with a row a subject: its times `t` in order, from 1 on, and what its events are, `r`. Out comes beside it `c1` …: of each
chain, in the order of starts, the times of the needed steps (0 or `NEVER`: not done), and behind them of each exclusion when it is next
(0: never), behind the step from which on it matters.

Going backwards through the steps, each place is given the times of the steps that follow it: one pass a step, whatever came between.
So each start ends up with its whole chain. Where no event can be two things a place is an event (`chained`, `unordered`). Where one can
(`timed`) it is all that is of one time, and knows each set of steps that its events can serve together: a set of up to six steps is a
number below 64, so that the sets are the bits of one word.
"""

from __future__ import annotations

from typing import NamedTuple

from opsloop_metrics.steps.rules import Funnel, Order

TIME_BITS = 44
"""Of milliseconds since reading began: more than all the years that the store knows."""
NEVER = 2**TIME_BITS - 1
STEP, ROLE_BITS = 16, 6
"""What an event is, where it can be one thing only: 0 nothing, from 1 on an exclusion, from 17 on a step."""
STEP_BIT, KIND_BITS = 10, 16
"""… where it can be several: from bit 0 on the exclusions, from bit 10 on the steps."""


class Times(NamedTuple):
    """Milliseconds: those of arrays are since `zero`, as the others here. Chains start from `start` to before `end`."""

    zero: int
    start: int
    end: int
    now: int
    window: int


def role(funnel: Funnel, at: Times, tests: list[str]) -> str:
    """Return SQL for the one thing that an event can be, by what says that it is each step and each exclusion."""
    count = len(funnel.steps)
    roles = [*range(STEP + 1, STEP + 1 + count), *range(1, len(tests) - count + 1)]
    first = f"{tests[0]} AND at < {at.end}" if funnel.order is Order.ORDERED else tests[0]
    given = ", ".join(f"{test}, {role}" for test, role in zip([first, *tests[1:]], roles, strict=True))
    return f"toInt64(multiIf({given}, 0))"


def kinds(funnel: Funnel, at: Times, tests: list[str]) -> str:
    """Return SQL for all that an event can be."""
    count = len(funnel.steps)
    places = [*range(STEP_BIT, STEP_BIT + count), *range(len(tests) - count)]
    given = " + ".join(f"bitShiftLeft(toUInt16({test}), {place})" for test, place in zip(tests, places, strict=True))
    return f"toInt64({given})"


def chained(funnel: Funnel, at: Times, sql: str) -> str:
    """Return SQL with the chains of an ordered funnel."""
    last, columns = len(funnel.steps), dict[str, str]()
    for step in range(last, 0, -1):
        columns[f"c{step}"], is_now = "t", f"r = {STEP + step}"
        for number, each in enumerate(funnel.exclusions):
            if each.first == step - 1:
                columns[f"c{last + 1 + number}"] = _next(f"r = {1 + number}")
        if step > 1:
            # whoever comes before has the times of this step and those behind it as they stand at its next event
            shown = {f"s{step}_{name}": _at_next(column, is_now, "0") for name, column in columns.items()}
        else:
            shown = {name: f"arrayFilter((x, r) -> {is_now}, {column}, r)" for name, column in columns.items()}
        sql = f"SELECT *, {_named(shown)} FROM ({sql})"
        columns = {name: f"s{step}_{name}" for name in columns}
    return sql


def _at_next(column: str, test: str, never: str) -> str:
    """Return SQL for what stands at the next place, or this, of which a test of `r` holds."""
    return f"arrayReverseFill((x, r) -> {test}, arrayMap((x, r) -> if({test}, x, {never}), {column}, r), r)"


def _next(test: str) -> str:
    """Return SQL for when the next event is of which a test of `r` holds; 0: never."""
    return f"arrayReverseFill(x -> x > 0, arrayMap((x, r) -> if({test}, x, 0), t, r))"


def _named(columns: dict[str, str]) -> str:
    return ", ".join(f"{column} AS {name}" for name, column in columns.items())


def unordered(funnel: Funnel, at: Times, sql: str) -> str:
    """Return SQL with the chains of an unordered funnel: from each start on, when each step is next, in the order of time."""
    count = len(funnel.steps)
    when = {f"s{n}": _at_next("t", f"r = {STEP + n}", str(NEVER)) for n in range(1, count + 1)}
    names = ", ".join(when)
    begins = f"arrayFilter((x, t, r) -> r > {STEP} AND t < {at.end}, {{}}, t, r)"
    in_order = begins.format(f"arrayMap(({names}) -> arraySort([{names}]), {names})")
    columns = {f"c{n}": f"arrayMap(x -> x[{n}], in_order)" for n in range(1, count + 1)}
    for number in range(len(funnel.exclusions)):
        columns[f"c{count + 1 + number}"] = begins.format(_next(f"r = {1 + number}"))
    return f"SELECT *, {in_order} AS in_order, {_named(columns)} FROM (SELECT *, {_named(when)} FROM ({sql}))"


# --- of all that is of one time --------------------------------------------------------------------------------------


class _Column(NamedTuple):
    """A column of chains: which of the needed steps it is known from, and what it is where that step is done."""

    step: int
    source: str


def timed(funnel: Funnel, at: Times, sql: str) -> str:
    """Return SQL with the chains of an ordered or strict funnel of which an event may serve several steps."""
    needed, is_strict = funnel.needed, funnel.order is Order.STRICT
    count = len(needed)
    columns = {f"c{n + 1}": _Column(n, "pt") for n in range(count)}
    for number, each in enumerate(funnel.exclusions):
        columns[f"c{count + 1 + number}"] = _Column(needed.index(each.first), f"e{number}")
    runs = {f"run{step}": f"arrayMap(x -> toUInt8({_run(needed[step:])}), ps)" for step in range(count)}
    sql = f"SELECT *, {_named(runs)} FROM ({_places(funnel, sql)})"
    for step in range(count - 1, 0, -1):
        known = {name: column for name, column in columns.items() if column.step >= step}
        tails = {name: _tail(name, column, step, f"run{step}", is_strict=is_strict) for name, column in known.items()}
        if not is_strict:
            tails = {name: f"arrayReverseFill((x, run) -> run > 0, {tail}, run{step})" for name, tail in tails.items()}
        # what follows a place begins behind it
        shown = {f"s{step}_{name}": f"arrayShiftLeft({tail}, 1)" for name, tail in tails.items()}
        sql = f"SELECT *, {_named(shown)} FROM ({sql})"
    first = "run0"
    if is_strict:
        sql, first = _begun(count, at.window, sql), "firsts"
    begins = f"arrayFilter((x, run, t) -> run > 0 AND t < {at.end}, {{}}, {first}, pt)"
    whole = {name: begins.format(_tail(name, column, 0, first, is_strict=False)) for name, column in columns.items()}
    return f"SELECT *, {_named(whole)} FROM ({sql})"


def _places(funnel: Funnel, sql: str) -> str:
    """Return SQL with places: of each time, `pt`, the sets of steps that can be served, `ps`, by how many events, `size`.

    Behind it, `e0` … , each exclusion is next.
    """
    count = len(funnel.steps)
    # more events of a kind than there are steps, and one, say nothing
    whole = f"arrayMap((t, r) -> t * {1 << KIND_BITS} + r, t, r) AS whole"
    kept = f"arrayFilter((x, y) -> x != y, {whole}, arrayShiftRight(whole, {count + 1}))"
    sql = f"SELECT *, {kept} AS kept, arrayMap(x -> bitShiftRight(x, {KIND_BITS}), kept) AS kt FROM ({sql})"
    kinds = f"arrayMap(x -> toUInt16(bitAnd(x, {(1 << KIND_BITS) - 1})), kept)"
    own = f"arraySplit((x, gap) -> gap != 0, {kinds}, arrayDifference(kt))"
    sql = f"SELECT *, {own} AS own, arrayCompact(kt) AS pt FROM ({sql})"
    columns = {
        "ps": f"arrayMap(each -> arrayFold((sets, x) -> {_more_sets(count)}, each, toUInt64(1)), own)",
        "size": "arrayMap(each -> length(each), own)",
    }
    for number in range(len(funnel.exclusions)):
        is_there = f"arrayMap((each, t) -> if(arrayExists(x -> bitTest(x, {number}), each), t, 0), own, pt)"
        columns[f"e{number}"] = f"arrayShiftLeft(arrayReverseFill(x -> x > 0, {is_there}), 1)"
    return f"SELECT *, {_named(columns)} FROM ({sql})"


def _more_sets(count: int) -> str:
    """Return SQL for the sets that are served by what serves `sets`, and one more event: each may have one more step of its."""
    found = "sets"
    for step in range(count):
        without = sum(1 << each for each in range(64) if not each >> step & 1)
        one_more = f"bitShiftLeft(bitAnd(sets, {without}), {1 << step})"
        found = f"bitOr({found}, if(bitTest(x, {STEP_BIT + step}), {one_more}, 0))"
    return found


def _run(steps: list[int]) -> str:
    """Return SQL for how many of some steps, from the first on, the sets `x` hold together."""
    together = [sum(1 << step for step in steps[: length + 1]) for length in range(len(steps))]
    return " + ".join(f"bitTest(x, {each})" for each in together)


def _tail(name: str, column: _Column, step: int, run: str, *, is_strict: bool) -> str:
    """Return SQL for a column at each place where a step is done, and as many as `run` says; 0 where it is not.

    Strict: what follows counts only if all events of the place serve.
    """
    later = {each: f"s{each}_{name}" for each in range(step + 1, column.step + 1)}
    arrays = {"run": run, "here": column.source, **({"size": "size"} if is_strict else {})}
    arrays |= {each: each for each in later.values()}
    tests = [f"run > {column.step - step}, here", *(["run != size, 0"] if is_strict else [])]
    tests += [f"run = {each - step}, {own}" for each, own in later.items()]
    return f"arrayMap(({', '.join(arrays)}) -> multiIf({', '.join(tests)}, 0), {', '.join(arrays.values())})"


def _begun(count: int, window: int, sql: str) -> str:
    """Return SQL with `firsts`: how many steps a strict chain does best at its start; what else is of that time does not disturb."""
    scores = dict[str, str]()
    for first in range(1, count + 1):
        later = [f"s{first}_c{n + 1}" for n in range(first, count)]
        depth = " + ".join([str(first), *(f"({each} > 0 AND {each} - t <= {window})" for each in later)])
        ends = ", ".join(["t", *(f"if({each} > 0 AND {each} - t <= {window}, {each}, 0)" for each in later)])
        score = f"bitShiftLeft(toInt64({depth}), {TIME_BITS}) + {NEVER} - greatest({ends}, 0)"
        given, arrays = (", ".join([*names, *later]) for names in (["run", "t"], ["run0", "pt"]))
        scores[f"q{first}"] = f"arrayMap(({given}) -> if(run >= {first}, {score}, 0), {arrays})"
    names = ", ".join(scores)
    # of equals that with the earliest steps, which has the most at its start
    best = ", ".join(f"q{first} = greatest({names}, 0), {first}" for first in range(count, 0, -1))
    firsts = f"arrayMap(({names}) -> toUInt8(if(q1 = 0, 0, multiIf({best}, 0))), {names})"
    return f"SELECT *, {firsts} AS firsts FROM (SELECT *, {_named(scores)} FROM ({sql}))"
