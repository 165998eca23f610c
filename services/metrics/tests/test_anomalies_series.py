"""Times, whole series, what cannot be judged, and what is said of it all."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_metrics.anomalies.rules import (
    MOST_BUCKETS,
    Judgement,
    Options,
    Point,
    judge,
    judge_all,
    words,
)
from services.metrics.tests.anomalies import DAY, EXACT, HOUR, MONDAY, days, hours, next_of, noisy

# Times


@pytest.mark.parametrize("month", [3, 10], ids=["23 hours", "25 hours"])
def test_days_and_hours_are_the_ones_of_the_zone_when_clocks_change(month):
    """Berlin changes on 29 March and 25 October 2026: noon stays noon."""
    berlin = ZoneInfo("Europe/Berlin")
    changed = datetime(2026, month, {3: 29, 10: 25}[month], tzinfo=berlin)
    first = (changed - 30 * DAY).astimezone(UTC)
    by_hour = [
        Point(at, 1000.0 if at.hour == 12 else 100.0)
        for at in ((first + place * HOUR).astimezone(berlin) for place in range(24 * 31 + 11))
        if at < changed + timedelta(hours=12)
    ]

    noon = judge(by_hour, 1000, changed + timedelta(hours=12), Options(interval="hour"))
    assert (noon.expected, noon.is_outside) == (pytest.approx(1000, rel=0.01), False)


def test_the_future_and_the_bucket_itself_say_nothing():
    points = days(*noisy(100))
    at = points[80].at

    assert judge(points, 500, at, EXACT) == judge(points[:80], 500, at, EXACT)


# Whole series


@pytest.mark.parametrize(("interval", "length"), [("day", 260), ("hour", 24 * 120)])
def test_a_series_at_once_is_judged_as_one_after_the_other(interval, length):
    random = np.random.default_rng(3)
    values = [float(value) if random.random() > 0.03 else None for value in random.poisson(60, length)]
    points = (days if interval == "day" else hours)(*values)
    options = Options(interval, min_absolute=5, excluded=frozenset({(MONDAY + 100 * DAY).date()}))

    by_time = {each.at: each for each in judge_all(points, options)}

    for point in points[:: 1 if interval == "day" else 331]:
        if point.value is not None:
            assert judge(points, point.value, point.at, options) == by_time[point.at]


def test_order_is_of_no_importance_and_of_two_in_a_bucket_the_later_counts():
    points = days(*noisy(90))
    shuffled = [points[place] for place in np.random.default_rng(1).permutation(90)]
    twice = [*points, Point(points[30].at + 9 * HOUR, 5.0)]

    assert judge_all(shuffled, EXACT) == judge_all(points, EXACT)
    assert [each.value for each in judge_all(twice, EXACT)][30] == 5.0
    assert judge_all([], EXACT) == []


# Bad input


@pytest.mark.parametrize(
    ("value", "at", "message"),
    [
        (math.nan, MONDAY, "value: nan is no number that can be judged"),
        (math.inf, MONDAY, "value: inf is no number that can be judged"),
        (-1e101, MONDAY, r"value: -1e\+101 is no number that can be judged"),
        (1.0, datetime(2026, 1, 5), "at: 2026-01-05T00:00:00 has no zone"),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_judged_is_told(value, at, message):
    with pytest.raises(ValueError, match=message):
        judge([], value, at, Options())


def test_a_series_is_bounded():
    points = [Point(MONDAY, 1.0), Point(MONDAY + MOST_BUCKETS * DAY, 1.0)]

    with pytest.raises(ValueError, match=r"from the first to the last are 10001 buckets, 10000 are allowed"):
        judge_all(points, EXACT)
    assert judge(points[:1], 1.0, points[1].at, EXACT).method == "none"
    assert len(judge_all([points[0], Point(points[1].at - DAY, 1.0)], EXACT)) == 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e100, 1e100) | st.none(), min_size=5, max_size=9),
    st.floats(-1e100, 1e100),
    st.booleans(),
)
def test_whatever_the_numbers_bounds_are_numbers_around_the_expected(some, value, is_count):
    found = next_of(days(*some * 20), value, Options(is_count=is_count))

    if found.method == "weekly":
        assert found.low <= found.expected <= found.high
        assert all(map(math.isfinite, (found.expected, found.low, found.high, found.score)))
        assert found.is_outside is not (found.low <= value <= found.high)


# Words


def said(**parts: object) -> Judgement:
    given = {"at": MONDAY + DAY, "value": 412, "interval": "day", "expected": 655.3, "low": 598.0, "high": 718.0}
    return Judgement(**{**given, "score": -20.1, "method": "weekly", **parts})


@pytest.mark.parametrize(
    ("judgement", "english", "chinese"),
    [
        (said(), "412, expected 655 ± 60 for a Tuesday", "412，星期二预期为655 ± 60"),
        (
            said(interval="hour", at=MONDAY + 9 * HOUR),
            "412, expected 655 ± 60 for a Monday, 09:00",
            "412，星期一9时预期为655 ± 60",
        ),
        (
            said(interval="hour", at=MONDAY + 14 * HOUR, method="naive"),
            "412, expected 655 ± 60 for 14:00",
            "412，14时预期为655 ± 60",
        ),
        (said(method="naive"), "412, expected 655 ± 60 for a Tuesday", "412，星期二预期为655 ± 60"),
        (
            said(value=98_765.4, expected=123_456.0, low=111_111, high=135_801),
            "98,765.4, expected 123,000 ± 12,000 for a Tuesday",
            "98,765.4，星期二预期为123,000 ± 12,000",
        ),
        (
            said(value=0.0312, expected=0.04567, low=0.0401, high=0.0502),
            "0.0312, expected 0.0457 ± 0.0051 for a Tuesday",
            "0.0312，星期二预期为0.0457 ± 0.0051",
        ),
        (said(expected=7.0, low=7.0, high=7.0), "412, expected 7 ± 0 for a Tuesday", "412，星期二预期为7 ± 0"),
        (
            Judgement(MONDAY, 412, "day"),
            "412, too little history to expect anything",
            "412，历史数据不足，无法预期",
        ),
        (
            Judgement(MONDAY, 412, "day", method="excluded"),
            "412 on a day that is left out",
            "412，该日不参与判断",
        ),
    ],
)
def test_a_judgement_in_words(judgement, english, chinese):
    assert words(judgement, "en") == english
    assert words(judgement, "fr-CA") == english
    assert words(judgement, "zh-CN") == chinese
