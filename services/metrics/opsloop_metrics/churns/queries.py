"""SQL of churn: who left, who stayed, and what they answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from opsloop_metrics.churns.rules import Churn, People
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, person_of, values_of
from opsloop_metrics.insights.periods import Frame
from opsloop_metrics.store.port import milliseconds


def people(frame: Frame, bind: Binding, churn: Churn, *, until: datetime) -> str:
    """Return SQL with the rows of `People`; `until` is how far activity and answers are read."""
    answered = f"SELECT DISTINCT who FROM ({_answers(frame, bind, churn, until)})"
    states = _states(frame, bind, churn, until)
    return f"SELECT state, count(), countIf(who IN ({answered})) FROM ({states}) GROUP BY state"


def answers(frame: Frame, bind: Binding, churn: Churn, people: Mapping[str, People], *, until: datetime) -> str:
    """Return SQL with the rows of `Given`, first those without a value, then by how far those who left are apart."""
    values = (
        "SELECT answer, value, uniqExactIf(who, state = 'left') AS gone, uniqExactIf(who, state = 'stayed') AS here "
        f"FROM ({_answers(frame, bind, churn, until)}) AS given INNER JOIN ({_states(frame, bind, churn, until)}) AS people "
        "ON given.who = people.who WHERE state != 'undecided' GROUP BY answer, value"
    )
    shown = f"if(gone + here < {churn.min_people}, '', value)"
    left, stayed = (max(people[state].people, 1) for state in ("left", "stayed"))
    rows = f"SELECT answer, {shown} AS told, sum(gone) AS left, sum(here) AS stayed, count() AS times FROM ({values}) GROUP BY answer, told"
    return (
        f"SELECT answer, told, left, stayed, times FROM ({rows}) ORDER BY told = '' DESC, left / {left} - stayed / {stayed} DESC, "
        f"left DESC, told, answer LIMIT {churn.limit + len(churn.answers)}"
    )


def _states(frame: Frame, bind: Binding, churn: Churn, until: datetime) -> str:
    """Return SQL for each person who was active in the range, and their state."""
    active = matches(churn.activity, bind)
    gone = "0" if churn.left is None else matches(churn.left, bind)
    filters = [churn.activity] if churn.left is None else [churn.activity, churn.left]
    source = from_events(
        frame, bind, until=until, conditions=[f"({active} OR {gone})"], with_traits=needs_traits(*filters)
    )
    end = milliseconds(frame.end)
    events = (
        f"SELECT {person_of(frame)} AS who, toUnixTimestamp64Milli(e.time) AS at, at < {end} AS inside, "
        f"{active} AS active, {gone} AS gone {source}"
    )
    seen = (
        "SELECT who, maxIf(at, active AND inside) AS last, minOrNullIf(at, active AND NOT inside) AS next, "
        f"countIf(gone AND inside) AS times_gone FROM ({events}) GROUP BY who HAVING countIf(active AND inside) > 0"
    )
    silence = f"last + {churn.inactive_for // timedelta(milliseconds=1)}"
    return (
        f"SELECT who, multiIf(times_gone > 0, 'left', ifNull(next <= {silence}, 0), 'stayed', "
        f"{silence} <= {milliseconds(frame.now)}, 'left', 'undecided') AS state FROM ({seen})"
    )


def _answers(frame: Frame, bind: Binding, churn: Churn, until: datetime) -> str:
    """Return SQL for who gave which answer, by its number, with which value."""
    wanted = [matches(each.given, bind) for each in churn.answers]
    lists = [
        f"arrayMap(value -> (toUInt8({number}), value), if({match}, {values_of(each.field, bind)}, emptyArrayString()))"
        for number, (each, match) in enumerate(zip(churn.answers, wanted, strict=True))
    ]
    traits = needs_traits(*(each.given for each in churn.answers), fields=[each.field for each in churn.answers])
    source = from_events(frame, bind, until=until, conditions=[f"({' OR '.join(wanted)})"], with_traits=traits)
    events = f"SELECT {person_of(frame)} AS who, arrayConcat({', '.join(lists)}) AS said {source}"
    return f"SELECT who, one.1 AS answer, one.2 AS value FROM ({events}) ARRAY JOIN said AS one"
