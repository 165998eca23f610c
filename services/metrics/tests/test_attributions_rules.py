"""What attribution makes of counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsloop_metrics.attributions.rules import Attribution, Counted, Credit, Total, answered, as_table
from opsloop_metrics.insights.periods import EventFilter

pytestmark = pytest.mark.quick
ASKED = Attribution(EventFilter("paid"), revenue="properties.amount", limit=2)
ALL = Counted(0, "any", 9, 4, 3, 3, 3.0, 30.0, 30.0, 30.0)
ONE = Counted(1, "ad", 5, 3, 2, 1, 1.5, 20.0, 10.0, 15.0)
TWO = Counted(2, "mail", 3, 2, 1, 1, 1.0, 10.0, 10.0, 10.0)
REST = Counted(3, "one of them", 1, 1, 0, 1, 0.5, 0.0, 10.0, 5.0)


@pytest.mark.parametrize(
    ("by", "skip_direct", "expected"),
    [
        ("channel", True, {"", "direct"}),
        ("utm_source", True, {""}),
        ("channel", False, set()),
        ("utm_source", False, set()),
    ],
)
def test_what_is_passed_over(by, skip_direct, expected):
    assert set(replace(ASKED, by=by, skip_direct=skip_direct).passed_over) == expected


def test_rows_stand_by_rank_and_others_are_last():
    found = answered(ASKED, [REST, TWO, ALL, ONE])

    assert [row.value for row in found.rows] == ["ad", "mail", "$other"]
    assert found.total == Total(3, 30.0, 4)
    assert (found.rows[0].first, found.rows[0].last, found.rows[0].linear) == (
        Credit(2, 20.0),
        Credit(1, 10.0),
        Credit(1.5, 15.0),
    )


def test_at_the_limit_nothing_is_other():
    assert [row.value for row in answered(replace(ASKED, limit=3), [ALL, ONE, TWO, REST]).rows][-1] == "one of them"


def test_money_is_null_where_nobody_asked_or_it_is_beyond_all_numbers():
    unasked = answered(replace(ASKED, revenue=None), [ALL, ONE])
    endless = answered(ASKED, [ALL._replace(first_revenue=None), ONE])

    assert (unasked.total.revenue, unasked.rows[0].linear.revenue) == (None, None)
    assert (endless.total.revenue, endless.rows[0].linear.revenue) == (None, 15.0)


def test_nothing_happened():
    assert answered(ASKED, []).total == Total(0, 0.0, 0)
    assert answered(replace(ASKED, revenue=None), []).total == Total(0, None, 0)


def test_as_a_table():
    names, rows = as_table(answered(ASKED, [ALL, ONE]))

    assert dict(zip(names, rows[0], strict=True)) == {
        "value": "ad",
        "sessions": 5,
        "people": 3,
        "first_conversions": 2,
        "first_revenue": 20.0,
        "last_conversions": 1,
        "last_revenue": 10.0,
        "linear_conversions": 1.5,
        "linear_revenue": 15.0,
    }
