"""Chains: which events serve which steps, worked by hand, and against a search through everything that could be chosen."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.chains.rules import (
    History,
    Seen,
    Span,
    best_of,
    can_serve_apart,
    entrants,
    serve,
    sessions,
    subjects,
)
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.steps.rules import (
    Attribution,
    Breakdown,
    CountBy,
    Exclusion,
    Funnel,
    FunnelMode,
    Order,
    Step,
)

MINUTE = 60_000
EVER = Span(0, 10_000 * MINUTE, 20_000 * MINUTE)
"""Chains may start whenever; by now all windows are closed."""


def funnel(steps: str, *, minutes: int = 60, excluded: tuple[int, int] | None = None, **fields) -> Funnel:
    """Return a funnel of steps such as `AoC`: a small letter is an optional step. Excluded is the event X."""
    return Funnel(
        steps=tuple(Step(EventFilter(each.upper()), each.islower()) for each in steps),
        window=timedelta(minutes=minutes),
        exclusions=() if excluded is None else (Exclusion(EventFilter("X"), *excluded),),
        **fields,
    )


def events(story: str, steps: str) -> list[Seen]:
    """Return events of a story such as `A0 B1=x`: name, minute and breakdown value."""
    found = []
    for word in story.split():
        place, _, value = word.partition("=")
        name, minute = place[0], int(place[1:])
        bits = sum(1 << number for number, step in enumerate(steps) if step.upper() == name)
        found.append((minute * MINUTE, name, Seen(minute * MINUTE, bits, int(name == "X"), value)))
    return [seen for *_, seen in sorted(found, key=lambda each: each[:2])]


def way(story: str, steps: str, span: Span = EVER, **fields) -> list[list[int | None]]:
    """Return in which minutes each entrant did each step."""
    asked = funnel(steps, **fields)
    return [
        [None if time is None else time // MINUTE for time in found.times]
        for part in subjects(events(story, steps), asked, span)
        for found in entrants("p", part, asked, span)
        if found is not None
    ]


ONE, TWO, THREE = 0b001, 0b010, 0b100
SERVING = {
    # what events can serve, which steps are to be served, by which events
    "none": ([], [0], None),
    "one": ([ONE], [0], [0]),
    "another": ([ONE], [1], None),
    "each its own": ([TWO, ONE], [0, 1], [1, 0]),
    "one event is not two": ([ONE | TWO], [0, 1], None),
    "the first of two": ([ONE, ONE], [0], [0]),
    "the first that leaves the others served": ([ONE | TWO, ONE], [0, 1], [1, 0]),
    "moved along": ([ONE | TWO, TWO | THREE, ONE], [0, 1, 2], [2, 0, 1]),
    "in the order of events": ([ONE | TWO, ONE | TWO], [0, 1], [0, 1]),
    "later steps only": ([ONE, TWO | THREE, TWO], [1, 2], [2, 1]),
    "too few": ([ONE | TWO | THREE, ONE | TWO | THREE], [0, 1, 2], None),
    "two for one step": ([ONE, ONE, THREE], [0, 1, 2], None),
}


@pytest.mark.parametrize("name", sorted(SERVING))
def test_which_events_serve(name):
    able, steps, expected = SERVING[name]

    assert serve(list(enumerate(able)), steps) == expected


@given(st.lists(st.integers(0, 15), max_size=5), st.sampled_from([[0], [1, 2], [0, 1, 2], [0, 1, 2, 3]]))
def test_serving_is_the_first_choice_of_all(able, steps):
    choices = [
        list(chosen)
        for chosen in permutations(range(len(able)), len(steps))
        if all(able[place] >> step & 1 for place, step in zip(chosen, steps, strict=True))
    ]

    assert serve(list(enumerate(able)), steps) == min(choices, default=None)


@given(st.lists(st.integers(0, 15), max_size=5))
def test_events_serve_apart_if_some_steps_can_be_dealt_out_among_them(able):
    dealt = any(
        all(bits >> step & 1 for bits, step in zip(able, steps, strict=True))
        for steps in permutations(range(4), len(able))
    )

    assert can_serve_apart(able) == dealt


WAYS = {
    "earliest completion, latest start": ("A0 A5 B10 A20 B21", "AB", [[5, 10]], {}),
    "a shorter way later does not count": ("A0 B10 A20 B21", "AB", [[0, 10]], {}),
    "the deepest, however late": ("A0 B1 A100 B110 C120", "ABC", [[100, 110, 120]], {}),
    "steps at their earliest": ("A0 B1 B2 C3", "ABC", [[0, 1, 3]], {}),
    "the same event again": ("A0 A1 A2", "AAA", [[0, 1, 2]], {}),
    "a step that comes again": ("A0 B1 A1", "ABA", [[0, 1, 1]], {}),
    "the window's last moment": ("A0 B60", "AB", [[0, 60]], {}),
    "beyond the window": ("A0 B61", "AB", [[0, None]], {}),
    "of nobody who did not begin": ("B0 C1", "ABC", [], {}),
    "strict, the whole way": ("A0 B1 C2", "ABC", [[0, 1, 2]], {"order": Order.STRICT}),
    "strict, disturbed": ("A0 Z1 B2", "AB", [[0, None]], {"order": Order.STRICT}),
    "strict, disturbed by a step": ("A0 B1 B2 C3", "ABC", [[0, 1, None]], {"order": Order.STRICT}),
    "strict, two at one time": ("A0 B1 C1", "ABC", [[0, 1, 1]], {"order": Order.STRICT}),
    "strict, all of one time have to serve": ("A0 B1 B1 C2", "ABC", [[0, 1, None]], {"order": Order.STRICT}),
    "strict, fewer at the start go further": ("A0 B0 B1 C2", "ABC", [[0, 1, 2]], {"order": Order.STRICT}),
    "strict, beside the first": ("Z0 A0 B1", "AB", [[0, 1]], {"order": Order.STRICT}),
    "strict, beyond the window": ("A0 B61", "AB", [[0, None]], {"order": Order.STRICT}),
    "unordered": ("C0 A1 B2", "ABC", [[0, 1, 2]], {"order": Order.UNORDERED}),
    "unordered, what is of no use is passed": ("A0 A1 B2", "AB", [[1, 2]], {"order": Order.UNORDERED}),
    "unordered, of equal ways the earliest": (
        "A0 B50 C100",
        "ABC",
        [[0, 50, None]],
        {"order": Order.UNORDERED, "minutes": 55},
    ),
    "unordered, the same step twice": ("A0 A1", "AA", [[0, 1]], {"order": Order.UNORDERED}),
    "optional, done": ("A0 O1 C2", "AoC", [[0, 1, 2]], {}),
    "optional, skipped": ("A0 C2", "AoC", [[0, None, 2]], {}),
    "optional, at the same time": ("A0 O0 C0", "AoC", [[0, 0, 0]], {}),
    "optional, too late": ("A0 C2 O3", "AoC", [[0, None, 2]], {}),
    "optional, after the deepest": ("A0 O60", "AoC", [[0, 60, None]], {}),
    "optional, after the window": ("A0 O61", "AoC", [[0, None, None]], {}),
    "optional, in a row": ("A0 P1 O2 P3 C4", "AopC", [[0, 2, 3, 4]], {}),
    "optional, by an event of its own": ("A0 A1 C2", "AaC", [[1, None, 2]], {}),
    "optional, of a step that was not reached": ("A0 P1", "ABpC", [[0, None, None, None]], {}),
    "excluded": ("A0 X1 B2", "AB", [], {"excluded": (0, 1)}),
    "excluded, at the edge of the window": ("A0 X60", "AB", [], {"excluded": (0, 1)}),
    "excluded, behind the window": ("A0 X61", "AB", [[0, None]], {"excluded": (0, 1)}),
    "excluded, beside the steps": ("A0 X0 B1 X1", "AB", [[0, 1]], {"excluded": (0, 1)}),
    "excluded, and a clean way as deep": ("A0 X1 B2 A3 B9", "AB", [[3, 9]], {"excluded": (0, 1)}),
    "excluded, and a clean way less deep": ("A0 X1 B2 A99", "AB", [], {"excluded": (0, 1)}),
    "excluded between later steps": ("A0 X1 B2 C3", "ABC", [[0, 2, 3]], {"excluded": (1, 2)}),
    "excluded, and its first step not reached": ("A0 X1", "ABC", [[0, None, None]], {"excluded": (1, 2)}),
    "totals": (
        "A0 B1 A2 B3",
        "AB",
        [[0, 1], [2, 3]],
        {"count_by": CountBy.TOTALS},
    ),
    "totals, interleaved": (
        "A0 A1 B2 B3",
        "AB",
        [[1, 2], [0, 3]],
        {"count_by": CountBy.TOTALS},
    ),
    "totals, tainted are taken away": (
        "A0 X1 B2 A5 B6",
        "AB",
        [[5, 6]],
        {"count_by": CountBy.TOTALS, "excluded": (0, 1)},
    ),
    "totals, strict: what is taken away disturbs": (
        "A0 A1 B2 B3",
        "AB",
        [[1, 2], [0, None]],
        {"count_by": CountBy.TOTALS, "order": Order.STRICT},
    ),
    "sessions": ("A0 B30 A61 B92", "AB", [[0, 30], [61, None]], {"count_by": CountBy.SESSIONS}),
}


@pytest.mark.parametrize("name", sorted(WAYS))
def test_ways(name):
    story, steps, expected, fields = WAYS[name]

    assert way(story, steps, **fields) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [(Order.ORDERED, [[10, 12]]), (Order.UNORDERED, [[10, 12]]), (Order.STRICT, [[10, None]])],
)
def test_chains_start_in_the_range(order, expected):
    span = Span(5 * MINUTE, 11 * MINUTE, EVER.now)

    assert way("A4 A10 B12 A11 B13", "AB", span, order=order) == expected


def test_in_range_mode_nothing_counts_after_it():
    span = Span(0, 10 * MINUTE, EVER.now)

    assert way("A0 B9 C10", "ABC", span, mode=FunnelMode.RANGE) == [[0, 9, None]]
    assert way("A0 B9 C10", "ABC", span) == [[0, 9, 10]]


@pytest.mark.parametrize(
    ("story", "minute", "fields", "expected"),
    [
        ("A0", 60, {}, [True]),
        ("A0", 61, {}, [False]),
        ("A0 A10", 70, {}, [True]),  # the latest start counts
        ("A0 B1 A10", 70, {}, [True]),
        ("A0 A10", 65, {"count_by": CountBy.TOTALS}, [False, True]),  # of each its own
        ("A0", 30, {"mode": FunnelMode.RANGE}, [True]),
        ("A0", 40, {"mode": FunnelMode.RANGE}, [False]),  # the range is over
    ],
)
def test_who_may_still_go_on(story, minute, fields, expected):
    span, asked = Span(0, 40 * MINUTE, minute * MINUTE), funnel("AB", **fields)

    found = [each for each in entrants("p", events(story, "AB"), asked, span) if each is not None]

    assert [each.is_open for each in found] == expected


@pytest.mark.parametrize(
    ("story", "attribution", "step", "expected"),
    [
        ("A0=x B1=y", Attribution.FIRST, 0, ["x"]),
        ("A0=x B1=y", Attribution.LAST, 0, ["y"]),
        ("A0 B1=y", Attribution.FIRST, 0, ["y"]),
        ("A0=x B1", Attribution.LAST, 0, ["x"]),
        ("A0 B1", Attribution.FIRST, 0, ["$none"]),
        ("A0=x B1=y", Attribution.STEP, 1, ["y"]),
        ("A0=x B1", Attribution.STEP, 1, ["$none"]),
        ("A0=x", Attribution.STEP, 1, [None]),
        ("A0=x B1=y A2=y B3=x", Attribution.ALL, 0, ["x", "y"]),
    ],
)
def test_whose_value_counts(story, attribution, step, expected):
    asked = funnel("AB", breakdown=Breakdown("os", attribution, step))

    found = [
        each.value
        for part in subjects(events(story, "AB"), asked, EVER)
        for each in entrants("p", part, asked, EVER)
        if each is not None
    ]

    assert found == expected


def test_sessions_end_with_a_break_of_more_than_half_an_hour():
    found = sessions(events("A0 A30 A60 A91", "A"))

    assert [[each.time // MINUTE for each in one] for one in found] == [[0, 30, 60], [91]]
    assert sessions([]) == []


def deepest(told: list[Seen], count: int, window: int) -> tuple[int, int] | None:
    """Return how deep any choice of events gets, and when the first one does that."""
    found: list[tuple[int, int]] = []

    def go_on(used: tuple[int, ...], start: int, time: int) -> None:
        found.append((-len(used), time))
        for place, event in enumerate(told):
            is_next = place not in used and len(used) < count and event.steps >> len(used) & 1
            if is_next and time <= event.time <= start + window:
                go_on((*used, place), start, event.time)

    for place, event in enumerate(told):
        if event.steps & 1:
            go_on((place,), event.time, event.time)
    return min(found, default=None)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7)), max_size=6), st.integers(1, 4))
def test_no_choice_of_events_gets_deeper_or_there_earlier(told, window):
    history = [Seen(time, bits, 0, "") for time, bits in sorted(told)]
    asked = funnel("ABC")
    asked = Funnel(asked.steps, window=timedelta(milliseconds=window))

    best = run(History(history, asked))

    expected = deepest(history, 3, window)
    assert (None if best is None else (-best.depth, best.reached_at)) == expected


def run(history: History):
    """Return the best chain of a history."""
    looking = best_of(history, EVER)
    while True:
        try:
            next(looking)
        except StopIteration as found:
            return found.value


def test_many_events_of_one_kind_are_looked_at_once_a_chain():
    told = [Seen(number, ONE if number % 2 else TWO, 0, "") for number in range(4_000)]

    for order in (Order.ORDERED, Order.UNORDERED):
        asked = Funnel(funnel("ABC").steps, order=order, window=timedelta(days=1))
        steps = list(entrants("p", told, asked, EVER))
        assert len(steps) <= 4_001
        assert steps[-1] is not None
        assert steps[-1].times[2] is None


def test_what_was_taken_away_serves_nothing_and_still_taints():
    told = events("A0 B1 A2 X3 B4", "AB")
    asked = funnel("AB", count_by=CountBy.TOTALS, excluded=(0, 1))

    found = [each for each in entrants("p", told, asked, EVER) if each is not None]

    assert [[(time or 0) // MINUTE for time in each.times] for each in found] == [[0, 1]]


@pytest.mark.parametrize("order", list(Order))
def test_whoever_did_nothing_has_no_way(order):
    assert way("", "AB", order=order) == []
    assert way("Z0 Z1", "AB", order=order) == []


def test_the_parts_of_a_person_are_what_each_value_did():
    told = events("A0=x B1=y A2=x", "AB")

    whole = subjects(told, funnel("AB"), EVER)
    parts = subjects(told, funnel("AB", breakdown=Breakdown("os", Attribution.ALL)), EVER)

    assert [len(part) for part in whole] == [3]
    assert [[each.value for each in part] for part in parts] == [["x", "x"], ["y"]]
