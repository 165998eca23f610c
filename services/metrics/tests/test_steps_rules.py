"""What a funnel may ask, and which of them the store answers alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from opsloop_common.conditions import Op
from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.shapes import InsightCondition
from opsloop_metrics.steps.rules import (
    Attribution,
    Breakdown,
    CountBy,
    Entrant,
    Exclusion,
    Funnel,
    FunnelMode,
    Order,
    Step,
    Way,
    is_in_progress,
    is_missing,
    require_sound,
    way_of,
)


def step(event: str | None, *conditions: tuple[str, Op, object], optional: bool = False) -> Step:
    where = tuple(InsightCondition(field=field, op=op, value=value) for field, op, value in conditions)
    return Step(EventFilter(event, where), optional)


A, B, C, P = step("A"), step("B"), step("C"), step("P", optional=True)
X = EventFilter("X")
DAY = timedelta(days=1)


UNSOUND = {
    "no window": (
        Funnel((A, B), window=timedelta(0)),
        "/window",
    ),
    "a window before itself": (
        Funnel((A, B), window=-DAY),
        "/window",
    ),
    "more than a leap year": (
        Funnel((A, B), window=366 * DAY + timedelta(seconds=1)),
        "/window",
    ),
    "first optional": (
        Funnel((P, B)),
        "/steps/0/optional",
    ),
    "last optional": (
        Funnel((A, B, P)),
        "/steps/2/optional",
    ),
    "strict and optional": (
        Funnel((A, P, B), order=Order.STRICT),
        "/steps/1/optional",
    ),
    "unordered and optional": (
        Funnel((A, P, B), order=Order.UNORDERED),
        "/steps/1/optional",
    ),
    "excluded from before the first": (
        Funnel((A, B), exclusions=(Exclusion(X, -1, 1),)),
        "/exclusions/0/from",
    ),
    "excluded from the last": (
        Funnel((A, B), exclusions=(Exclusion(X, 1, 2),)),
        "/exclusions/0/from",
    ),
    "excluded to the same": (
        Funnel((A, B), exclusions=(Exclusion(X, 0, 0),)),
        "/exclusions/0/to",
    ),
    "excluded to behind the last": (
        Funnel((A, B), exclusions=(Exclusion(X, 0, 1), Exclusion(X, 0, 2))),
        "/exclusions/1/to",
    ),
    "unordered and from the second": (
        Funnel((A, B, C), order=Order.UNORDERED, exclusions=(Exclusion(X, 1, 2),)),
        "/exclusions/0/from",
    ),
    "unordered and to the last but one": (
        Funnel((A, B, C), order=Order.UNORDERED, exclusions=(Exclusion(X, 0, 1),)),
        "/exclusions/0/from",
    ),
    "excluded from an optional step": (
        Funnel((A, P, B), exclusions=(Exclusion(X, 1, 2),)),
        "/exclusions/0/from",
    ),
    "excluded to an optional step": (
        Funnel((A, P, B), exclusions=(Exclusion(X, 0, 1),)),
        "/exclusions/0/to",
    ),
    "attributed to no step": (
        Funnel((A, B), breakdown=Breakdown("os", Attribution.STEP, 2)),
        "/breakdown/step",
    ),
    "attributed to a step that has no event of its own": (
        Funnel((A, B), order=Order.UNORDERED, breakdown=Breakdown("os", Attribution.STEP, 1)),
        "/breakdown/step",
    ),
}


@pytest.mark.parametrize("name", sorted(UNSOUND))
def test_what_cannot_be_meant_is_refused(name):
    funnel, pointer = UNSOUND[name]

    with pytest.raises(Invalid) as refused:
        require_sound(funnel, at="/query")

    [error] = refused.value.errors
    assert error.pointer == f"/query{pointer}"
    assert len(error.detail) > 10


SOUND = {
    "the shortest": Funnel((A, B), window=timedelta(milliseconds=1)),
    "the longest": Funnel((A, B), window=366 * DAY),
    "optional between": Funnel((A, P, B)),
    "excluded in part": Funnel((A, B, C), exclusions=(Exclusion(X, 0, 1), Exclusion(X, 1, 2), Exclusion(X, 0, 2))),
    "excluded over an optional step": Funnel((A, P, B), exclusions=(Exclusion(X, 0, 2),)),
    "unordered, excluded all along": Funnel((A, B, C), order=Order.UNORDERED, exclusions=(Exclusion(X, 0, 2),)),
    "attributed to the last": Funnel((A, B), breakdown=Breakdown("os", Attribution.STEP, 1)),
    "unordered, attributed to the first": Funnel(
        (A, B), order=Order.UNORDERED, breakdown=Breakdown("os", Attribution.STEP)
    ),
    "unordered, where a step means nothing": Funnel(
        (A, B), order=Order.UNORDERED, breakdown=Breakdown("os", Attribution.LAST, 1)
    ),
}


@pytest.mark.parametrize("name", sorted(SOUND))
def test_what_can_be_meant_is_taken(name):
    require_sound(SOUND[name])


PATH_A, PATH_B = ("path", Op.EQ, "/a"), ("path", Op.EQ, "/b")
STRICT, UNORDERED = {"order": Order.STRICT}, {"order": Order.UNORDERED}
WAYS = {
    "different events": (Funnel((A, B, C)), Way.CHAINED),
    "the same event": (Funnel((A, B, A)), Way.TIMED),
    "any event": (Funnel((A, step(None))), Way.TIMED),
    "strict": (Funnel((A, B), **STRICT), Way.TIMED),
    "strict, any event": (Funnel((A, step(None)), **STRICT), Way.TIMED),
    "unordered": (Funnel((A, B), **UNORDERED), Way.UNORDERED),
    "unordered, the same event": (Funnel((A, A), **UNORDERED), None),
    "optional": (Funnel((A, P, B)), Way.TIMED),
    "sessions": (Funnel((A, B), count_by=CountBy.SESSIONS), Way.CHAINED),
    "totals": (Funnel((A, B), count_by=CountBy.TOTALS), None),
    "range": (Funnel((A, B), mode=FunnelMode.RANGE), Way.CHAINED),
    "broken down": (Funnel((A, B), breakdown=Breakdown("os")), Way.CHAINED),
    "broken down, strict": (Funnel((A, B), breakdown=Breakdown("os"), **STRICT), Way.TIMED),
    "broken down, the same event": (Funnel((A, A), breakdown=Breakdown("os")), None),
    "divided before, the same event": (Funnel((A, A), breakdown=Breakdown("os", Attribution.ALL)), Way.TIMED),
    "excluded": (Funnel((A, B), exclusions=(Exclusion(X, 0, 1),)), Way.CHAINED),
    "excluded is a step": (Funnel((A, B), exclusions=(Exclusion(A.filter, 0, 1),)), Way.TIMED),
    "excluded is a step, unordered": (Funnel((A, B), exclusions=(Exclusion(A.filter, 0, 1),), **UNORDERED), None),
    "excluded is a step, broken down": (
        Funnel((A, B), exclusions=(Exclusion(A.filter, 0, 1),), breakdown=Breakdown("os")),
        Way.TIMED,
    ),
    "excluded twice": (Funnel((A, B, C), exclusions=(Exclusion(X, 0, 1), Exclusion(X, 1, 2))), Way.TIMED),
    "twenty events": (Funnel(tuple(step(f"S{number}") for number in range(20))), Way.CHAINED),
    "six times the same": (Funnel((A,) * 6), Way.TIMED),
    "seven times the same": (Funnel((A,) * 7), None),
    "seven events, strict": (Funnel(tuple(step(f"S{number}") for number in range(7)), **STRICT), None),
    "seven, one optional": (Funnel((A, P, *(step(f"S{number}") for number in range(5)))), None),
    "optional, broken down": (Funnel((A, P, B), breakdown=Breakdown("os")), Way.TIMED),
    "optional, the first again": (Funnel((A, step("A", optional=True), B)), Way.TIMED),
    "sessions, strict": (Funnel((A, B), count_by=CountBy.SESSIONS, **STRICT), Way.TIMED),
    "sessions, unordered": (Funnel((A, B), count_by=CountBy.SESSIONS, **UNORDERED), Way.UNORDERED),
    "totals, strict": (Funnel((A, B), count_by=CountBy.TOTALS, **STRICT), None),
    "two texts of one field": (Funnel((step("$pageview", PATH_A), step("$pageview", PATH_B))), Way.CHAINED),
    "two texts of any event": (Funnel((step(None, PATH_A), step("A", PATH_B))), Way.CHAINED),
    "the same text": (Funnel((step("A", PATH_A), step("A", PATH_A))), Way.TIMED),
    "texts of different fields": (Funnel((step("A", PATH_A), step("A", ("host", Op.EQ, "/b")))), Way.TIMED),
    "not a text": (Funnel((step("A", PATH_A), step("A", ("path", Op.EQ, None)))), Way.TIMED),
    "not equal": (Funnel((step("A", PATH_A), step("A", ("path", Op.NE, "/b")))), Way.TIMED),
}


@pytest.mark.parametrize("name", sorted(WAYS))
def test_how_the_store_answers_alone(name):
    funnel, expected = WAYS[name]

    assert way_of(funnel) is expected


def test_what_steps_are_called():
    named = Step(EventFilter("A", label="Began"))

    assert Funnel((named, step(None), B)).labels == ["Began", "*", "B"]
    assert Funnel((A, B), order=Order.UNORDERED).labels == ["Completed 1 step", "Completed 2 steps"]


def test_which_steps_are_needed():
    funnel = Funnel((A, P, P, B, P, C))

    assert funnel.needed == [0, 3, 5]
    assert [funnel.before(number) for number in range(1, 6)] == [0, 0, 0, 3, 3]
    assert [funnel.after_optional(number) for number in range(6)] == [None, 3, 3, None, 5, None]


def entrant(*minutes: int | None, is_open: bool = False, value: str | None = None) -> Entrant:
    return Entrant("p", tuple(None if minute is None else minute * 60_000 for minute in minutes), is_open, value)


@pytest.mark.parametrize(
    ("entered", "number", "missing", "waiting"),
    [
        (entrant(0, None, None), 1, True, False),
        (entrant(0, None, None, is_open=True), 1, True, True),
        (entrant(0, None, None, is_open=True), 2, False, False),
        (entrant(0, 1, None, is_open=True), 1, False, False),
        (entrant(0, 1, None, is_open=True), 2, True, True),
    ],
)
def test_who_is_missing_and_who_may_still_come(entered, number, missing, waiting):
    funnel = Funnel((A, B, C))

    assert is_missing(funnel, entered, number) is missing
    assert is_in_progress(funnel, entered, number) is waiting


@pytest.mark.parametrize(("since", "number", "seconds"), [(0, 1, 60), (1, 2, 120.5), (0, 2, 180.5)])
def test_the_time_from_one_step_to_another(since, number, seconds):
    assert Entrant("p", (1_000, 61_000, 181_500), False).seconds(since, number) == seconds


def test_a_step_is_done_whenever_it_was_also_at_the_beginning_of_time():
    entered = Entrant("p", (0, None), False)

    assert [entered.has_done(number) for number in (0, 1)] == [True, False]
