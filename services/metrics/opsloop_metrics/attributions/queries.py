"""Attribution as SQL over the event store: of each person the sessions with their values and the conversions, on one line of time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.attributions.rules import NONE, Attribution, Counted, Result, answered
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, number_of, person_of, value_of
from opsloop_metrics.insights.periods import Frame, moved
from opsloop_metrics.sessions.rules import IDLE, MARGIN
from opsloop_metrics.store.port import milliseconds

_ACTIVITY = "e.kind IN ('track', 'page', 'screen')"
_MILLISECOND = timedelta(milliseconds=1)
_CHARACTERS = 1_000
"""Of a value: a property may have 900 KiB, and an answer a hundred of them."""


async def find_attribution(session: AsyncSession, frame: Frame, asked: Attribution) -> Result:
    """Return what gets the credit for conversions; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    found = await ask(session, frame, _ranked(frame, asked, bind), bind)
    return answered(asked, (Counted(int(place), value, *numbers) for place, value, *numbers in found.rows))


def _ranked(frame: Frame, asked: Attribution, bind: Binding) -> str:
    """Return SQL with the rows of `Counted`: values beyond the limit are one, in which a person counts once."""
    sums = ", ".join(
        f"sum({name})" for name in ("first", "last", "linear", "first_money", "last_money", "linear_money")
    )
    # thirds added up in another order differ in their last digits, which shall not decide a rank
    place = f"least(row_number() OVER (ORDER BY round(linear, 6) DESC, sessions DESC, value), {asked.limit + 1})"
    return (
        f"SELECT place, any(value), sum(sessions), uniqExactIfMerge(people), {sums} "
        f"FROM (SELECT *, toUInt32({place}) AS place FROM ({_credited(frame, asked, bind)})) GROUP BY place WITH ROLLUP"
    )


def _credited(frame: Frame, asked: Attribution, bind: Binding) -> str:
    """Return SQL with a row a value: its sessions, their people, and its credit."""
    models = ("first", "last", "linear")
    credits = [f"sumIf(share, what = {number}) AS {model}" for number, model in enumerate(models, start=1)]
    credits += [f"sumIf(money, what = {number}) AS {model}_money" for number, model in enumerate(models, start=1)]
    given = (
        f"SELECT person, one.1 AS what, if(empty(one.2), '{NONE}', one.2) AS value, one.3 AS share, one.4 AS money "
        f"FROM ({_given(frame, asked, bind)}) ARRAY JOIN given AS one"
    )
    return (
        "SELECT value, countIf(what = 0) AS sessions, uniqExactIfState(person, what = 0) AS people, "
        f"{', '.join(credits)} FROM ({given}) GROUP BY value"
    )


def _given(frame: Frame, asked: Attribution, bind: Binding) -> str:
    """Return SQL with a row a person: `given` says of a value that it was a visit, or which part of a conversion and its money it has.

    Everything is running sums over what a person did in order: someone's thousands of sessions and of conversions are never paired.
    """
    start, end = milliseconds(frame.start), milliseconds(frame.end)
    visits = (
        "arrayMap(one -> (0, one.2, toFloat64(0), toFloat64(0)), "
        f"arrayFilter(one -> one.1 >= {start} AND one.1 < {end}, sessions))"
    )
    ends = [
        f"arrayMap(one -> ({model}, one.{place}, toFloat64(1), one.2), credited)" for model, place in ((1, 4), (2, 5))
    ]
    untouched = "arrayMap(one -> (3, '', toFloat64(1), one.2), arrayFilter(one -> one.3 = 0, credited))"
    shared = f"arrayFilter(one -> one.3 > 0, arrayConcat({_running('arrayReverse(marks)', 0)}, {_running('marks', 2)}))"
    return (
        f"SELECT person, arrayConcat({', '.join([visits, *ends, untouched, shared])}) AS given "
        f"FROM (SELECT *, {_marks(frame, asked)} AS marks FROM ({_touched(frame, asked, bind)}))"
    )


def _marks(frame: Frame, asked: Attribution) -> str:
    """Return SQL for (part, time, 0 begin of a session, 1 conversion, 2 end of a session's credit, value, share, money) in order.

    A session has a share of each conversion from its begin until `lookback` later. Time is cut into parts of that length, so that these
    lie in its own part from the begin on and in the next one up to the end: two running sums, and nothing is ever subtracted, which
    would leave the last digits of large sums in small ones. Sessions with and without credit of their own have parts of their own.
    """
    lookback = asked.lookback // _MILLISECOND
    first = milliseconds(moved(frame.start, -asked.lookback - MARGIN))

    def part(time: str, kept: str) -> str:
        return f"intDiv({time} - ({first}), {lookback + 1}) * 2 + {kept}"

    begins = f"arrayMap(one -> ({part('one.1', 'one.3')}, one.1, 0, one.2, toFloat64(0), toFloat64(0)), touches)"
    # who begins with a part is done where it ends
    goes_on = f"arrayFilter(one -> (one.1 - ({first})) % {lookback + 1} > 0, touches)"
    until = f"one.1 + {lookback}"
    ends = f"arrayMap(one -> ({part(until, 'one.3')}, {until}, 2, one.2, toFloat64(0), toFloat64(0)), {goes_on})"
    shares = (
        f"arrayMap(one -> ({part('one.1', 'one.6')}, one.1, 1, '', 1 / one.3, one.2 / one.3), "
        "arrayFilter(one -> one.3 > 0, credited))"
    )
    return f"arraySort(one -> (one.1, one.2 * 3 + one.3), arrayConcat({begins}, {ends}, {shares}))"


def _running(marks: str, kind: int) -> str:
    """Return SQL for (3, value, share, money) of the marks of a kind: what there was in their part up to them."""
    sums = "arrayMap((one, share, money) -> (one.3, one.4, share, money), own, arrayCumSum(own.5), arrayCumSum(own.6))"
    parts = f"arraySplit((one, step) -> step != 0, {marks}, arrayDifference({marks}.1))"
    found = f"arrayFlatten(arrayMap(own -> arrayFilter(one -> one.1 = {kind}, {sums}), {parts}))"
    return f"arrayMap(one -> (3, one.2, one.3, one.4), {found})"


def _touched(frame: Frame, asked: Attribution, bind: Binding) -> str:
    """Return SQL with a row a person: `sessions`, and of those who converted `touches` and `credited`.

    Touches are (begin, value, 1 if not passed over); credited are conversions as (time, amount, how many touches have credit, value of
    the first of them, value of the last, 1 if they are not passed over).
    """
    passed = bind.texts(asked.passed_over)
    touches = f"arrayMap(one -> (one.1, one.2, toUInt8(NOT has({passed}, one.2))), if(empty(converted), [], sessions))"
    credited = (
        "arrayMap((one, own, other) -> if(own.1 > 0, (one.1, one.2, own.1, own.2, own.3, 1), "
        "(one.1, one.2, other.1, other.2, other.3, 0)), "
        f"converted, {_near('kept', asked)}, {_near('passed', asked)})"
    )
    people = f"SELECT person, sessions, arraySort(converted) AS converted, {touches} AS touches FROM ({_people(frame, asked, bind)})"
    parted = (
        "SELECT *, arrayFilter(one -> one.3 = 1, touches) AS kept, arrayFilter(one -> one.3 = 0, touches) AS passed "
        f"FROM ({people})"
    )
    return f"SELECT person, sessions, touches, {credited} AS credited FROM ({parted})"


def _near(touches: str, asked: Attribution) -> str:
    """Return SQL for (how many, value of the first, of the last) of those touches that each conversion looks back on, in their order."""
    since = f"arrayMap(one -> (one.1 - {asked.lookback // _MILLISECOND}, 0, ''), converted)"
    until = "arrayMap(one -> (one.1, 2, ''), converted)"
    # a touch of the very time at which looking back begins, or of the conversion itself, is between the two
    line = f"arraySort(one -> one.1 * 3 + one.2, arrayConcat({since}, arrayMap(one -> (one.1, 1, one.2), {touches}), {until}))"

    def at(kind: int, values: str) -> str:
        return f"arrayFilter((value, one) -> one.2 = {kind}, {values}, {line})"

    counts = f"arrayCumSum(one -> one.2 = 1, {line})"
    first, last = (f"{fill}((value, one) -> one.2 = 1, {line}.3, {line})" for fill in ("arrayReverseFill", "arrayFill"))
    return (
        f"arrayMap((before, after, first, last) -> (toInt64(after) - toInt64(before), first, last), "
        f"{at(0, counts)}, {at(2, counts)}, {at(0, first)}, {at(2, last)})"
    )


def _people(frame: Frame, asked: Attribution, bind: Binding) -> str:
    """Return SQL with a row a person: `sessions` as (begin, value) in order, `converted` as (time, amount)."""
    starts = f"arrayMap((place, pause) -> place = 1 OR pause > {IDLE // _MILLISECOND}, arrayEnumerate(times), arrayDifference(times))"
    begun = f"arrayFilter((time, is_start) -> is_start, times, {starts})"
    # begins among the events with values: what follows a begin is the first value of its session, or the next begin
    merged = f"arraySort(arrayConcat(arrayMap(time -> (time, '', ''), {begun}), told))"
    followed = "arrayMap((one, next) -> (one.1, next, one.2 = ''), merged, arrayPushBack(arrayPopFront(merged.3), ''))"
    people = (
        "SELECT person, arraySort(groupArrayIf(at, is_activity)) AS times, "
        "groupArrayIf((at, rank, value), is_activity AND value != '') AS told, "
        "groupArrayIf((at, amount), is_conversion) AS converted "
        f"FROM ({_events(frame, asked, bind)}) GROUP BY person"
    )
    return (
        f"SELECT person, converted, arrayFilter(one -> one.3, {followed}) AS sessions "
        f"FROM (SELECT person, converted, {merged} AS merged FROM ({people}))"
    )


def _events(frame: Frame, asked: Attribution, bind: Binding) -> str:
    """Return SQL with all that people did; `rank` puts events of one time in order, and is '' where there is no value."""
    start, end = bind.time(frame.start), bind.time(frame.end)
    is_conversion = f"{matches(asked.conversion, bind)} AND e.time >= {start} AND e.time < {end}"
    value = f"leftUTF8(toString({value_of(asked.by, bind)}), {_CHARACTERS})"
    amount = f"ifNull({number_of(asked.revenue, bind)}, 0)" if asked.revenue else "0"
    source = from_events(
        frame,
        bind,
        since=moved(frame.start, -asked.lookback - MARGIN),
        until=moved(frame.end, MARGIN),
        conditions=[f"({_ACTIVITY} OR ({is_conversion}))"],
        with_traits=needs_traits(asked.conversion, fields=[asked.by]),
    )
    return (
        f"SELECT {person_of(frame)} AS person, toUnixTimestamp64Milli(e.time) AS at, {_ACTIVITY} AS is_activity, "
        f"{is_conversion} AS is_conversion, if(is_conversion, toFloat64({amount}), 0) AS amount, {value} AS value, "
        f"if(empty(value), '', concat(e.event, '\\0', e.message_id)) AS rank {source}"
    )
