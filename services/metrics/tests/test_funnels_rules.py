"""How numbers become an answer: shares, times, bins, values, a table."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.chains.rules import Span
from opsloop_metrics.funnels.rules import (
    Bin,
    Conversion,
    Part,
    Result,
    StepNumbers,
    StepResult,
    Tally,
    as_table,
    bin_edges,
    bins_of,
    shown_parts,
    steps_of,
)
from opsloop_metrics.funnels.schemas import FunnelIn
from opsloop_metrics.funnels.walking import MOST_CHAINS, walk
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.insights.tables import as_csv, prefers_csv
from opsloop_metrics.steps.rules import CountBy, Entrant, Funnel, Step
from opsloop_metrics.store.port import TooHeavy

A, B, C = (Step(EventFilter(name)) for name in "ABC")
P = Step(EventFilter("P"), is_optional=True)
DAY = timedelta(days=1)


def entrant(*minutes: int | None, is_open: bool = False, value: str | None = None) -> Entrant:
    return Entrant("p", tuple(None if minute is None else minute * 60_000 for minute in minutes), is_open, value)


def counted(funnel: Funnel, *entered: Entrant) -> Tally:
    tally = Tally(funnel)
    for each in entered:
        tally.add(each)
    return tally


def test_counts_shares_and_times():
    tally = counted(
        Funnel((A, B, C)), entrant(0, 1, 3), entrant(5, 7, 8), entrant(0, 6, None), entrant(0, None, None, is_open=True)
    )

    assert tally.steps() == [
        StepResult(
            label="A",
            count=4,
            from_first=1,
            from_previous=1,
            dropped=0,
            average_seconds=None,
            median_seconds=None,
            in_progress=0,
        ),
        StepResult(
            label="B",
            count=3,
            from_first=0.75,
            from_previous=0.75,
            dropped=0,
            average_seconds=180,
            median_seconds=120,
            in_progress=1,
        ),
        StepResult(
            label="C",
            count=2,
            from_first=0.5,
            from_previous=2 / 3,
            dropped=1,
            average_seconds=90,
            median_seconds=90,
            in_progress=0,
        ),
    ]
    assert tally.conversion() == Conversion(180, 180, [Bin(180, 240, 2), Bin(240, 300, 0), Bin(300, 360, 0)])


def test_an_optional_step_is_counted_from_the_one_that_was_needed():
    funnel = Funnel((A, P, B))
    steps = counted(
        funnel,
        entrant(0, 1, 2),
        entrant(0, None, 2, is_open=True),
        entrant(0, None, None, is_open=True),
        entrant(0, 4, None),
    ).steps()

    assert [(each.count, each.dropped, each.in_progress) for each in steps] == [(4, 0, 0), (2, 1, 1), (2, 1, 1)]
    assert [each.from_previous for each in steps] == [1, 0.5, 0.5]
    assert [each.average_seconds for each in steps] == [None, 150, 120]


def test_nothing_over_nothing_is_null():
    tally = counted(Funnel((A, B)))

    assert [(each.count, each.from_first, each.from_previous) for each in tally.steps()] == [(0, None, None)] * 2
    assert tally.conversion() == Conversion(None, None, [])


def test_a_step_that_nobody_reached_has_no_share_behind_it():
    numbers = [StepNumbers(2, 0, None, None), StepNumbers(0, 0, None, None), StepNumbers(0, 0, None, None)]

    assert [(each.from_first, each.from_previous, each.dropped) for each in steps_of(Funnel((A, B, C)), numbers)] == [
        (1, 1, 0),
        (0, 0, 2),
        (0, None, 0),
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, 1), (2, 2), (8, 2), (9, 3), (27, 3), (28, 4), (1000, 10), (59**3, 59), (59**3 + 1, 60), (10**9, 60)],
)
def test_how_many_bins(count, expected):
    assert bins_of(count) == expected


@pytest.mark.parametrize(
    ("count", "least", "most", "expected"),
    [
        (1, 10, 10, (10, 60)),
        (1, 10.2, 10.4, (10, 1)),
        (2, 0.5, 10.1, (0, 6)),
        (3, 60, 540, (60, 160)),
        (4, 0, 1, (0, 1)),
    ],
)
def test_how_wide_bins_are(count, least, most, expected):
    assert bin_edges(count, least, most) == expected


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=60))
def test_every_time_is_in_one_bin(taken):
    entered = [Entrant("p", (0, milliseconds), False) for milliseconds in taken]

    found = counted(Funnel((A, B)), *entered).conversion()

    assert sum(each.count for each in found.bins) == len(taken)
    for each in found.bins:
        within = [one for one in taken if each.from_seconds * 1000 <= one < each.to_seconds * 1000]
        assert each.count == len(within)


def test_values_with_most_entrants_are_shown():
    one = entrant(0, 1)
    by_value = {"b": [one], "a": [one], "c": [one] * 3, "d": [one] * 2}

    assert [(value, len(own)) for value, own in shown_parts(by_value, 2)] == [("c", 3), ("d", 2), ("$other", 2)]
    assert [value for value, _ in shown_parts(by_value, 3)] == ["c", "d", "a", "$other"]
    assert [value for value, _ in shown_parts(by_value, 4)] == ["c", "d", "a", "b"]
    assert shown_parts({}, 2) == []


def test_as_a_table():
    steps = counted(Funnel((A, B)), entrant(0, 1)).steps()
    names, rows = as_table(Result(steps, Conversion(None, None, []), [Part("x", steps[:1])]))

    assert names[:4] == ["value", "step", "label", "count"]
    assert [row[:4] for row in rows] == [["", 1, "A", 1], ["", 2, "B", 1], ["x", 1, "A", 1]]
    assert len(as_table(Result(steps, Conversion(None, None, []), None))[1]) == 2


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("\tx", "'\tx"),
        ("a,b", '"a,b"'),
        ('a"b', '"a""b"'),
        ("两行\n字", '"两行\n字"'),
        (-1, "-1"),
        (0.5, "0.5"),
        (None, '""'),
    ],
)
def test_cells_of_a_table_are_never_formulas(cell, written):
    assert as_csv(["name"], [[cell]]) == f"name\r\n{written}\r\n"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("text/csv", True),
        ("Text/CSV; header=present", True),
        ("text/csv, application/json", True),
        ("application/json, text/csv", False),
    ],
)
def test_who_wants_a_table(accept, expected):
    assert prefers_csv(accept) is expected


@pytest.mark.parametrize(
    ("window", "days"),
    [("P14D", 14), ("P2W", 14), ("P1M", 30), ("P1Y", 365), ("P2M3D", 63), ("P1MT24H", 31), ("PT1H", 1 / 24)],
)
def test_windows(window, days):
    body = FunnelIn.model_validate({"steps": [{"event": "A"}, {"event": "B"}], "window": window})

    assert body.to_funnel().window == days * DAY


@pytest.mark.parametrize("window", ["", "P", "14", "P-1D", "P1.5D", "PT", "P1MT", "P1D1M", 14, None, ["P1D"]])
def test_what_is_no_window(window):
    with pytest.raises(ValueError, match="ISO 8601"):
        FunnelIn.model_validate({"steps": [{"event": "A"}, {"event": "B"}], "window": window})


@pytest.mark.parametrize("count_by", [CountBy.USERS, CountBy.TOTALS])
def test_who_goes_through_in_too_many_ways_is_not_followed_to_the_end(count_by):
    funnel, span = Funnel((A, B), count_by=count_by), Span(0, 10_000, 10_000)
    rows = [["p", list(range(1_000)), [1, 2] * 500, [0] * 1_000, [""] * 1_000]]

    with pytest.raises(TooHeavy, match="too many ways"):
        list(walk(rows, funnel, span, count(MOST_CHAINS - 400)))

    found = [each for each in walk(rows, funnel, span, count()) if each is not None]
    assert len(found) == (1 if count_by is CountBy.USERS else 500)
    assert all(each.has_done(1) for each in found)


def test_rows_of_the_store_are_read_person_by_person():
    rows = [
        ["p", [0, 1_000], [1, 2], [0, 0], ["", ""]],
        ["q", [5], [1], [0], [""]],
        ["r", [5], [2], [0], [""]],
    ]

    found = [each for each in walk(rows, Funnel((A, B)), Span(0, 10, 20), count()) if each is not None]

    assert [(each.person, each.times) for each in found] == [("p", (0, 1_000)), ("q", (5, None))]
    assert all(each.is_open for each in found)


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 600)), min_size=1, max_size=30))
def test_steps_add_up(taken):
    tally = counted(Funnel((A, B)), *(entrant(0, at, is_open=at > other) for at, other in taken), entrant(0, None))

    first, second = tally.steps()

    assert first.count == second.count + second.dropped + second.in_progress
    assert second.average_seconds == pytest.approx(sum(at * 60 for at, _ in taken) / len(taken))
