"""Attribution as SQL over the event store: of each person the sessions with their values, and beside them the conversions."""

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
    models = {"first": "toFloat64(nth = 1)", "last": "toFloat64(nth = touches)", "linear": "1 / touches"}
    credits = [f"sumIf({share}, NOT is_visit) AS {name}" for name, share in models.items()]
    credits += [f"sumIf(amount * {share}, NOT is_visit) AS {name}_money" for name, share in models.items()]
    touched = (
        f"SELECT person, is_visit, amount, if(empty(one), '{NONE}', one) AS value, nth, length(values) AS touches "
        f"FROM ({_touched(frame, asked, bind)}) ARRAY JOIN values AS one, arrayEnumerate(values) AS nth"
    )
    return (
        f"SELECT value, countIf(is_visit) AS sessions, uniqExactIfState(person, is_visit) AS people, {', '.join(credits)} "
        f"FROM ({touched}) GROUP BY value"
    )


def _touched(frame: Frame, asked: Attribution, bind: Binding) -> str:
    """Return SQL with the `values` of sessions in order: of each conversion those with credit, of each person's visits all."""
    near = "arrayFilter(one -> one.1 >= since AND one.1 <= until, sessions).2"
    kept = f"arrayFilter(value -> NOT has({bind.texts(asked.passed_over)}, value), near)"
    values = f"multiIf(is_visit, near, notEmpty({kept} AS kept), kept, notEmpty(near), near, [''])"
    visits = f"(1, toInt64({milliseconds(frame.start)}), toInt64({milliseconds(frame.end) - 1}), toFloat64(0))"
    lookback = asked.lookback // _MILLISECOND
    spans = f"arrayPushBack(arrayMap(one -> (0, one.1 - {lookback}, one.1, one.2), converted), {visits})"
    return (
        "SELECT person, span.1 AS is_visit, span.2 AS since, span.3 AS until, span.4 AS amount, "
        f"{near} AS near, {values} AS values "
        f"FROM (SELECT person, sessions, {spans} AS spans FROM ({_people(frame, asked, bind)})) ARRAY JOIN spans AS span"
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
