"""What a funnel may ask, which of them the store answers alone, and how numbers become an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.conditions import Op
from opsloop_common.errors import Invalid
from opsloop_metrics.funnels.rules import (
    Attribution,
    Bin,
    Breakdown,
    Conversion,
    CountBy,
    Entrant,
    Exclusion,
    Funnel,
    Mode,
    Order,
    Part,
    Result,
    Step,
    StepNumbers,
    StepResult,
    Tally,
    as_table,
    bin_edges,
    bins_of,
    is_in_progress,
    is_missing,
    is_plain,
    require_sound,
    shown_parts,
    steps_of,
)
from opsloop_metrics.funnels.schemas import FunnelIn
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.insights.tables import as_csv, prefers_csv
from opsloop_metrics.shapes import InsightCondition


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
PLAIN = {
    "different events": (Funnel((A, B, C)), True),
    "the same event": (Funnel((A, B, A)), False),
    "any event": (Funnel((A, step(None))), False),
    "strict": (Funnel((A, B), order=Order.STRICT), False),
    "unordered": (Funnel((A, B), order=Order.UNORDERED), False),
    "optional": (Funnel((A, P, B)), False),
    "sessions": (Funnel((A, B), count_by=CountBy.SESSIONS), False),
    "totals": (Funnel((A, B), count_by=CountBy.TOTALS), False),
    "range": (Funnel((A, B), mode=Mode.RANGE), True),
    "broken down": (Funnel((A, B), breakdown=Breakdown("os")), True),
    "excluded": (Funnel((A, B), exclusions=(Exclusion(X, 0, 1),)), True),
    "excluded is a step": (Funnel((A, B), exclusions=(Exclusion(A.filter, 0, 1),)), False),
    "excluded twice": (Funnel((A, B, C), exclusions=(Exclusion(X, 0, 1), Exclusion(X, 1, 2))), False),
    "two texts of one field": (Funnel((step("$pageview", PATH_A), step("$pageview", PATH_B))), True),
    "two texts of any event": (Funnel((step(None, PATH_A), step("A", PATH_B))), True),
    "the same text": (Funnel((step("A", PATH_A), step("A", PATH_A))), False),
    "texts of different fields": (Funnel((step("A", PATH_A), step("A", ("host", Op.EQ, "/b")))), False),
    "not a text": (Funnel((step("A", PATH_A), step("A", ("path", Op.EQ, None)))), False),
    "not equal": (Funnel((step("A", PATH_A), step("A", ("path", Op.NE, "/b")))), False),
}


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_which_the_store_answers_alone(name):
    funnel, expected = PLAIN[name]

    assert is_plain(funnel) is expected


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
