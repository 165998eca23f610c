"""Formulas, rows and totals of trends, apart from what the store finds."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.trends.rules import (
    Aggregate,
    FormulaError,
    Numbers,
    Series,
    Shown,
    Trend,
    as_table,
    finite,
    moving,
    read_formula,
    require_sound,
    shown,
    trends_of,
)

OPEN, BUY = Series(EventFilter("open")), Series(EventFilter("buy"))
AVERAGE = Series(EventFilter("buy", label="Size"), Aggregate.AVG, "properties.amount")


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("A", 6.0),
        ("B/A", 0.5),
        ("A/C", 0.0),
        ("A/(B-B)", 0.0),
        ("D", 0.0),
        ("A+D", 6.0),
        ("(A+B)/2", 4.5),
        ("A-B-B", 0.0),
        ("A-(B-B)", 6.0),
        ("A/B/2", 1.0),
        ("A+B*2", 12.0),
        ("-A*1.5+B", -6.0),
        ("--A", 6.0),
        ("+A", 6.0),
        (" A \t* B ", 18.0),
        ("2*-B", -6.0),
        ("0.5", 0.5),
        ("007*A", 42.0),
        ("A*" * 30 + "0", 0.0),
        ("(" * 40 + "A" + ")" * 40, 6.0),
    ],
)
def test_formulas(formula, value):
    assert read_formula(formula, "ABCD")({"A": 6, "B": 3, "C": 0, "D": None}) == value


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("E", "has E at character 1; the series are A, B, C, D"),
        ("A + Z", "has Z at character 5"),
        ("a", "has 'a' at character 1"),
        ("A ^ B", "has '^' at character 3"),
        ("A = B", "has '=' at character 3"),
        ("A,B", "has ',' at character 2"),
        ("A.real", "has '.' at character 2"),
        ("__import__('os')", "has '_' at character 1"),
        ("\uff21", "has '\uff21' at character 1"),
        ("١", "has '١' at character 1"),
        ("甲", "has '甲' at character 1"),
        ("A B", "is no formula at character"),
        ("2 A", "is no formula at character"),
        ("2A", "is no formula at character"),
        ("A ** B", "is no formula at character 4"),
        ("A // B", "is no formula at character 4"),
        ("A +", "ends with + at character 3; something has to follow"),
        ("(A + (", "ends with ( at character 6; something has to follow"),
        ("(A", "is no formula at character 1"),
        ("A)", "is no formula at character 2"),
        ("", "is no formula at its beginning"),
        ("  ", "is no formula at its beginning"),
        ("()", "has parentheses with nothing in them"),
        ("A (B)", "needs an operator before the parenthesis after A"),
        ("A ()", "needs an operator before the parenthesis after A"),
        ("1 (2)", "needs an operator before the parenthesis after 1"),
        ("1..2", "has '.' at character 2"),
    ],
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_what_is_no_formula_is_told_with_its_place(formula, words):
    with pytest.raises(FormulaError) as refused:
        read_formula(formula, "ABCD")

    assert words in str(refused.value)


numbers = st.none() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6)


@given(numbers, numbers, st.sampled_from("+-*"))
def test_formulas_calculate_as_python_does(left, right, sign):
    calculate = {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign]

    assert read_formula(f"A {sign} B", "AB")({"A": left, "B": right}) == calculate(float(left or 0), float(right or 0))


@given(st.text(max_size=100))
def test_any_text_is_a_formula_or_is_refused(text):
    try:
        calculate = read_formula(text, "AB")
    except FormulaError:
        return
    assert isinstance(calculate({"A": 1, "B": 2}), float)


def test_a_number_beyond_all_numbers_is_null():
    assert read_formula("A*A", "A")({"A": 1e200}) is None
    assert read_formula("A*A-A*A", "A")({"A": 1e200}) is None
    assert (finite(float("inf")), finite(1.5)) == (None, 1.5)


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 3, []),
        ([1, 2, 3, 4], 1, [1, 2, 3, 4]),
        ([1, 2, 3, 4], 2, [1, 1.5, 2.5, 3.5]),
        ([1, 2, 3, 4], 3, [1, 1.5, 2, 3]),
        ([None, 2, None, 4], 2, [None, 2, 2, 4]),
        ([None, None], 7, [None, None]),
        ([1e308, 1e308], 2, [1e308, None]),
    ],
)
def test_moving_averages(values, width, expected):
    assert moving(values, width) == expected


@pytest.mark.parametrize(
    ("ranked", "limit", "rows"),
    [
        ([], 2, []),
        (["a"], 2, [(1, "a")]),
        (["a", "b"], 2, [(1, "a"), (2, "b")]),
        (["a", "b", "c"], 2, [(1, "a"), (2, "b"), (0, "$other")]),
    ],
)
def test_what_is_not_shown_is_other(ranked, limit, rows):
    assert shown(ranked, limit).rows == rows


def rows_of(answer):
    return [(row.name, row.breakdown, row.values, row.total) for row in answer.series]


def test_what_was_not_found_is_nothing_of_its_kind():
    answer = trends_of(
        Trend((OPEN, AVERAGE)), ["x", "y"], None, [[(0, 1, 5), (0, None, 5)], []], None, incomplete_from=1
    )

    assert rows_of(answer) == [("A", None, [0, 5], 5), ("B", None, [None, None], None)]
    assert [row.label for row in answer.series] == ["open", "Size"]
    assert (answer.intervals, answer.incomplete_from) == (["x", "y"], 1)
    assert {(row.previous, row.moving_average) for row in answer.series} == {(None, None)}


def test_series_come_first_then_formulas_and_each_by_its_values():
    trend = Trend((OPEN, BUY), breakdown="path", limit=1, formulas=("B/A",), moving_average=2)
    opened = [(1, 0, 4), (1, None, 4), (0, 0, 2), (0, 1, 2), (0, None, 4)]
    bought = [(1, 0, 1), (1, None, 1)]

    answer = trends_of(trend, ["x", "y"], Shown(("/",), True), [opened, bought], None, incomplete_from=None)

    assert rows_of(answer) == [
        ("A", "/", [4, 0], 4),
        ("A", "$other", [2, 2], 4),
        ("B", "/", [1, 0], 1),
        ("B", "$other", [0, 0], 0),
        ("B/A", "/", [0.25, 0.0], 0.25),
        ("B/A", "$other", [0.0, 0.0], 0.0),
    ]
    assert answer.series[0].moving_average == [4, 2]
    assert answer.series[4].moving_average == [0.25, 0.125]


def test_what_was_before_has_the_values_of_now():
    trend = Trend((OPEN,), breakdown="path", compare=True)
    now, before = [(1, 0, 4), (1, None, 4)], [(1, 0, 3), (1, None, 3), (0, 0, 9), (0, None, 9)]

    answer = trends_of(trend, ["x"], Shown(("/",), False), [now], [before], incomplete_from=None)

    assert [(row.breakdown, row.previous) for row in answer.series] == [("/", Numbers([3], 3))]


def test_nothing_is_wrong_with_what_can_be_answered():
    require_sound(Trend((OPEN, BUY, AVERAGE), breakdown="path", limit=50, formulas=("C/A-B",)), 490)


@pytest.mark.parametrize(
    ("trend", "intervals", "faults"),
    [
        (
            Trend((Series(EventFilter(), Aggregate.SUM),)), 1,
            [("/series/0/property", "sum needs the field whose numbers are meant: properties.amount")],
        ),
        (
            Trend((OPEN, Series(EventFilter(), Aggregate.USERS, "properties.x"))), 1,
            [("/series/1/property", "has no meaning for users; take sum, avg or another aggregate")],
        ),
        (
            Trend((OPEN,), formulas=("A", "B")), 1,
            [("/formulas/1", "has B at character 1; the series are A")],
        ),
        (
            Trend((OPEN,) * 10, breakdown="path", limit=50), 1_000,
            [
                (
                    "/interval",
                    "510 rows of 1000 intervals are more than 100,000 numbers; take a longer interval, fewer series or a "
                    "smaller limit",
                )
            ],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_named(trend, intervals, faults):
    with pytest.raises(Invalid) as refused:
        require_sound(trend, intervals)

    assert [(error.pointer, error.detail) for error in refused.value.errors] == faults


def test_as_a_table_each_interval_and_the_total_are_rows():
    trend = Trend((OPEN,), moving_average=2, compare=True)
    answer = trends_of(
        trend,
        ["x", "y"],
        None,
        [[(0, 0, 1), (0, 1, 3), (0, None, 4)]],
        [[(0, 1, 7), (0, None, 7)]],
        incomplete_from=None,
    )

    assert as_table(answer) == (
        ["name", "label", "breakdown", "interval", "value", "moving_average", "previous"],
        [
            ["A", "open", None, "x", 1, 1, 0],
            ["A", "open", None, "y", 3, 2, 7],
            ["A", "open", None, "total", 4, None, 7],
        ],
    )
