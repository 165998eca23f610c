"""The rules of competitors' series, worked by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Invalid
from opsloop_metrics.competitors import rules
from opsloop_metrics.competitors.rules import Compared
from opsloop_metrics.series_files.rules import Point

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NONE = dict.fromkeys(("pointer", "at_pointer", "column", "at_column"))
JSON = NONE | {"format": "json", "pointer": "/data/1/price"}
CSV = NONE | {"format": "csv", "column": "price"}
DATED = CSV | {"at_column": "day"}
numbers = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("source", "every", "pointer"),
    [
        (JSON | {"pointer": None}, DAY, "/source/pointer"),
        (JSON | {"pointer": "data"}, DAY, "/source/pointer"),
        (JSON | {"pointer": "/a~2"}, DAY, "/source/pointer"),
        (JSON | {"at_pointer": "at"}, DAY, "/source/at_pointer"),
        (JSON | {"column": "x"}, DAY, "/source/column"),
        (JSON | {"at_column": "x"}, DAY, "/source/at_column"),
        (CSV | {"column": None}, DAY, "/source/column"),
        (CSV | {"pointer": "/x"}, DAY, "/source/pointer"),
        (CSV | {"at_pointer": "/x"}, DAY, "/source/at_pointer"),
        (CSV, timedelta(minutes=59), "/source/every"),
        (CSV, timedelta(days=31, seconds=1), "/source/every"),
    ],
)
def test_a_source_says_what_its_format_needs(source, every, pointer):
    with pytest.raises(Invalid) as refused:
        rules.require_source(source, every)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize("every", [timedelta(hours=1), timedelta(days=31)])
@pytest.mark.parametrize("source", [JSON, CSV, DATED])
def test_a_source_that_does_is_taken(source, every):
    rules.require_source(source, every)


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        ([Point(NOW, 1), Point(NOW + timedelta(minutes=5), 2)], []),
        ([Point(NOW, 1), Point(NOW - DAY, 2), Point(NOW, 3)], ["/points/0/at", "/points/2/at"]),
        ([Point(NOW + timedelta(minutes=5, seconds=1), 2)], ["/points/0/at"]),
    ],
)
def test_points_are_of_different_times_and_not_of_tomorrow(points, wanted):
    found = []
    try:
        rules.require_points(points, NOW, "/points/{}/at".format)
    except Invalid as refused:
        found = [error.pointer for error in refused.errors]
    assert found == wanted


@pytest.mark.parametrize(
    ("previous", "value", "change", "news"),
    [
        pytest.param(100, 120, 0.2, True, id="20 of 100"),
        pytest.param(100, 119, 0.19, False, id="19 of 100"),
        pytest.param(100, 80, -0.2, True, id="down"),
        pytest.param(-10, -8, 0.2, True, id="2 of 10, below nothing"),
        pytest.param(0.1, 0.12, 0.2, True, id="tenths"),
        pytest.param(0, 5, None, True, id="from nothing"),
        pytest.param(0, 0, None, False, id="still nothing"),
        pytest.param(5, 0, -1.0, True, id="to nothing"),
        pytest.param(5e-324, 1e308, None, True, id="beyond numbers"),
    ],
)
def test_a_change_is_measured_by_the_point_before(previous, value, change, news):
    found = rules.change(previous, value)
    assert found == (None if change is None else pytest.approx(change))
    assert rules.is_news(previous, value, 0.2) is news


@given(previous=numbers, value=numbers)
def test_a_change_is_a_number_or_none_whatever_the_points_are(previous, value):
    found = rules.change(previous, value)
    assert found is None or (found > 0) is (value > previous) or found == 0


@pytest.mark.parametrize(
    ("every", "failed", "after"),
    [(DAY, False, DAY), (DAY, True, timedelta(hours=1)), (timedelta(hours=1), True, timedelta(hours=1))],
)
def test_what_failed_is_asked_again_within_an_hour(every, failed, after):
    assert rules.next_pull(every, NOW, failed=failed) == NOW + after


def test_both_are_100_on_the_first_day_that_has_both():
    """The second day is the first with both (20 and 5): then 30 is 150 of 20, and 4 is 80 of 5."""
    base, days = rules.compare([10, 20, None, 30], [None, 5, 6, 4])
    assert base == 1
    assert days == [
        Compared(10, None, 50, None),
        Compared(20, 5, 100, 100),
        Compared(None, 6, None, 120),
        Compared(30, 4, 150, 80),
    ]


@pytest.mark.parametrize(("ours", "theirs"), [([1, None], [None, 1]), ([0, 0], [1, 1]), ([], [])])
def test_where_no_day_has_both_nothing_is_100(ours, theirs):
    base, days = rules.compare(ours, theirs)
    assert base is None
    assert all((day.ours_index, day.theirs_index) == (None, None) for day in days)


@pytest.mark.parametrize(
    ("first", "last", "count", "ends"),
    [
        (None, None, 90, date(2026, 3, 2)),
        (date(2026, 3, 1), None, 2, date(2026, 3, 2)),
        (date(2027, 1, 1), None, 1, date(2027, 1, 1)),
        (None, date(2026, 1, 31), 90, date(2026, 1, 31)),
        (date(2026, 1, 1), date(2027, 1, 1), 366, date(2027, 1, 1)),
    ],
)
def test_the_days_to_compare(first, last, count, ends):
    days = rules.days_between(first, last, today=date(2026, 3, 2))
    assert (len(days), days[-1]) == (count, ends)


@pytest.mark.parametrize(
    ("first", "last"), [(date(2026, 3, 2), date(2026, 3, 1)), (date(2026, 1, 1), date(2027, 1, 2))]
)
def test_days_that_make_no_sense_are_refused(first, last):
    with pytest.raises(Invalid) as refused:
        rules.days_between(first, last, today=date(2026, 3, 2))
    assert [error.pointer for error in refused.value.errors] == ["/query/to"]


def test_the_day_is_the_zones():
    assert rules.day_of(datetime(2026, 3, 1, 20, tzinfo=UTC), "Asia/Shanghai") == date(2026, 3, 2)
