"""Shares, differences and how sure they are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.churns.rules import (
    Answer,
    Churn,
    Given,
    People,
    as_table,
    counted,
    difference_within,
    reasons_of,
    share_within,
)
from opsloop_metrics.insights.periods import EventFilter

ANSWER = Answer(EventFilter("answered"), "properties.why")


@pytest.mark.parametrize(
    ("one", "of_one", "other", "of_other", "low", "high"),
    [
        # Newcombe 1998, table II, method 10: (a) 56/70 - 48/80 … (h) 10/10 - 0/10
        pytest.param(56, 70, 48, 80, 0.0524, 0.3339, id="a"),
        pytest.param(9, 10, 3, 10, 0.1705, 0.8090, id="b"),
        pytest.param(6, 7, 2, 7, 0.0582, 0.8062, id="c"),
        pytest.param(5, 56, 0, 29, -0.0381, 0.1926, id="d"),
        pytest.param(0, 10, 0, 20, -0.1611, 0.2775, id="e"),
        pytest.param(0, 10, 0, 10, -0.2775, 0.2775, id="f"),
        pytest.param(10, 10, 0, 20, 0.6791, 1.0, id="g"),
        pytest.param(10, 10, 0, 10, 0.6075, 1.0, id="h"),
    ],
)
def test_a_difference_lies_where_newcombe_says(one, of_one, other, of_other, low, high):
    assert difference_within(one, of_one, other, of_other) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("one", "other"), [((0, 0), (1, 2)), ((1, 2), (0, 0)), ((0, 0), (0, 0))])
def test_of_nobody_there_is_no_difference(one, other):
    assert difference_within(*one, *other) == (None, None)


part = st.integers(1, 10**6).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))


@given(part, part)
def test_what_was_found_is_always_inside(one, other):
    low, high = share_within(*one)
    assert 0 <= low <= one[0] / one[1] + 1e-12
    assert one[0] / one[1] - 1e-12 <= high <= 1
    below, above = difference_within(*one, *other)
    assert -1 - 1e-9 <= below <= one[0] / one[1] - other[0] / other[1] <= above <= 1 + 1e-9
    turned = difference_within(*other, *one)
    assert turned == pytest.approx((-above, -below))


def test_shares_differences_and_lifts():
    # 40 of 80 who left, 12 of 120 who stayed: 0.5 and 0.1, a difference of 0.4, five times as many
    churn = Churn(EventFilter(), timedelta(days=30), None, (ANSWER,), limit=2)
    people = counted([People("left", 80, 60), People("stayed", 120, 30), People("undecided", 7, 1)])
    rows = [Given(0, "", 5, 4, 6), Given(0, "slow", 40, 12, 1), Given(0, "gone", 8, 0, 1), Given(0, "more", 1, 60, 1)]

    answer = reasons_of(churn, people, rows)

    slow, gone = answer.rows
    assert (slow.left_share, slow.stayed_share, slow.lift) == (0.5, 0.1, 5.0)
    assert slow.difference == pytest.approx(0.4)
    assert slow.difference_low < 0.4 < slow.difference_high
    assert (gone.left_share, gone.stayed_share, gone.lift) == (0.1, 0.0, None)
    assert (answer.people, answer.churn_rate, answer.silent, answer.left_out) == (207, 80 / 200, 20 / 80, 6)
    names, table = as_table(answer)
    assert [names[:4], table[0][:4]] == [["label", "value", "left", "stayed"], ["why", "slow", 40, 12]]


def test_where_nobody_left_nothing_is_a_part():
    churn = Churn(EventFilter(), timedelta(days=30), None, (ANSWER,))
    answer = reasons_of(churn, counted([People("stayed", 2, 1)]), [Given(0, "x", 0, 1, 1)])

    row = answer.rows[0]
    assert (row.left_share, row.stayed_share, row.difference, row.difference_low, row.lift) == (
        None,
        0.5,
        None,
        None,
        None,
    )
    assert (answer.churn_rate, answer.silent) == (0.0, None)
    nobody = reasons_of(churn, counted([]), [])
    assert (nobody.people, nobody.churn_rate, nobody.silent) == (0, None, None)


@pytest.mark.parametrize(
    ("label", "field_", "told"),
    [(None, "properties.why", "why"), ("原因", "properties.why", "原因"), (None, "country", "country")],
)
def test_an_answer_is_called_by_its_field(label, field_, told):
    assert Answer(EventFilter("answered", label=label), field_).label == told


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # Wilson's score by hand, z = 1.96: (p + z²/2n ∓ z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)
        pytest.param(0, 1, 0.0, 0.7935, id="none of one"),
        pytest.param(1, 1, 0.2065, 1.0, id="one of one"),
        pytest.param(5, 10, 0.2366, 0.7634, id="half of ten"),
        pytest.param(81, 263, 0.2553, 0.3662, id="81 of 263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="15 of 148"),
        pytest.param(0, 20, 0.0, 0.1611, id="none of twenty"),
        pytest.param(1, 29, 0.0061, 0.1718, id="1 of 29"),
    ],
)
def test_a_share_lies_where_wilson_says(part, whole, low, high):
    assert share_within(part, whole) == pytest.approx((low, high), abs=6e-5)
    assert share_within(whole - part, whole) == pytest.approx((1 - high, 1 - low), abs=6e-5)
