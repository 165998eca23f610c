"""Single judgements, worked by hand; what matters to one and what does not."""

from __future__ import annotations

import math
from datetime import date

import pytest

from opsloop_metrics.anomalies.rules import (
    THRESHOLDS,
    Judgement,
    Options,
    judge,
    judge_all,
    words,
)
from services.metrics.tests.anomalies import DAY, EXACT, HOUR, MONDAY, days, hours, next_of, noisy

WEEK = [1000, 1000, 1000, 1000, 1000, 500, 400]


# What is expected


@pytest.mark.parametrize(
    ("value", "score", "is_anomaly"),
    [
        # never off by anything: the usual distance counts as 1.5 %. Scale: log (value + 1 % of the median, 1,000): log 1,010 = 6.918
        pytest.param(1000, 0.0, False, id="as ever"),
        pytest.param(1060, math.log(1070 / 1010) / 0.015, False, id="3.85 times 1.5 %"),
        pytest.param(1080, math.log(1090 / 1010) / 0.015, True, id="5.08 times 1.5 %"),
        pytest.param(940, math.log(950 / 1010) / 0.015, False, id="4.08 times 1.5 % below"),
        pytest.param(930, math.log(940 / 1010) / 0.015, True, id="4.79 times 1.5 % below"),
        pytest.param(0, math.log(10 / 1010) / 0.015, True, id="nothing is very little, and finite"),
    ],
)
def test_a_calm_series_by_hand(value, score, is_anomaly):
    found = next_of(days(*WEEK * 10), value)

    assert found.expected == pytest.approx(1000)
    assert found.score == pytest.approx(score)
    assert (found.is_anomaly, found.is_outside, found.method) == (is_anomaly, is_anomaly, "weekly")
    assert found.low == pytest.approx(1010 * math.exp(-4.6 * 0.015) - 10)  # 932.7
    assert found.high == pytest.approx(1010 * math.exp(4.6 * 0.015) - 10)  # 1,072.1


@pytest.mark.parametrize(
    ("gone_on", "expected"), list(enumerate(WEEK)), ids=["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
)
def test_each_weekday_is_expected_as_it_used_to_be(gone_on, expected):
    assert next_of(days(*WEEK * 10, *WEEK[:gone_on]), 777).expected == pytest.approx(expected)


def test_an_hour_of_the_week_is_expected_as_it_used_to_be():
    """Nights have 10, days 100, and Sunday's days 50: the ninth Sunday, at noon."""
    day = [10.0] * 8 + [100.0] * 12 + [10.0] * 4
    week = day * 6 + [min(value, 50.0) for value in day]
    points = hours(*week * 8, *week[: 6 * 24 + 12])

    found = next_of(points, 100, Options(interval="hour", is_count=False))

    assert (found.expected, found.method) == (pytest.approx(50), "weekly")
    assert words(found, "en") == "100, expected 50 ± 4.7 for a Sunday, 12:00"  # 51 · sinh (6.2 · 0.015) = 4.75
    assert found.is_anomaly


def test_usual_distances_are_the_median_of_eight_weeks():
    """A week is 10 % above e^7, the next as much below: the level is in the middle, and so is the median of each weekday.

    Each value is log 1.1 = 0.0953 off; nearly, for 1 % of the median is added to each.
    """
    middle = math.exp(7)
    points = days(*(middle * (1.1 if place // 7 % 2 else 1 / 1.1) for place in range(140)))

    found = next_of(points, middle)

    assert found.expected == pytest.approx(middle, rel=0.01)
    assert math.log(found.high / found.low) / 2 == pytest.approx(4.6 * math.log(1.1), rel=0.02)


@pytest.mark.parametrize(
    ("usual", "value", "is_anomaly"),
    [
        # sqrt (n + 3/8) of a count scatters by 1/2, of which the median is 0.6745 / 2: outside is 4.6 · 0.3372 = 1.551 from sqrt (n + 3/8)
        pytest.param(0, 4, False, id="0: up to (0.612 + 1.551)² - 0.375 = 4.3"),
        pytest.param(0, 5, True, id="0: 5 is too much"),
        pytest.param(9, 2, False, id="9: down to (3.062 - 1.551)² - 0.375 = 1.9"),
        pytest.param(9, 1, True, id="9: 1 is too little"),
        pytest.param(9, 20, False, id="9: up to (3.062 + 1.551)² - 0.375 = 20.9"),
        pytest.param(9, 21, True, id="9: 21 is too much"),
        pytest.param(100, 72, False, id="100: down to (10.019 - 1.551)² - 0.375 = 71.3"),
        pytest.param(100, 71, True, id="100: 71 is too little"),
        pytest.param(10_000, 9_690, False, id="10,000: chance is 310, 1.5 % is more"),
        pytest.param(10_000, 9_320, True, id="10,000: down to 10,001 / e^0.069 - 1 = 9,333"),
    ],
)
def test_chance_alone_scatters_small_counts(usual, value, is_anomaly):
    found = next_of(days(*[float(usual)] * 70), value, Options())

    assert found.is_anomaly is is_anomaly


def test_the_score_of_a_count_is_never_more_than_what_chance_leaves():
    """100 and then 150: log (151 / 101) / 0.015 = 26.8, but 2 (√150.375 - √100.375) / 0.6745 = 6.65."""
    points = days(*[100.0] * 70)

    assert next_of(points, 150.0, Options()).score == pytest.approx(6.654, abs=0.001)
    assert next_of(points, 150.0).score == pytest.approx(math.log(151 / 101) / 0.015)


def test_a_small_count_may_fall_to_nothing_without_an_alarm_and_a_larger_one_not():
    """6: (2.525 - 1.551)² - 0.375 = 0.57, so nothing at all is outside; 5: (2.318 - 1.551)² - 0.375 = 0.21; 4: it is below 0."""
    assert [next_of(days(*[n] * 70), 0.0, Options()).is_outside for n in (6.0, 5.0, 4.0)] == [True, True, False]


def test_where_some_are_negative_values_are_compared_as_they_are():
    """Units of the median size, 20: outside is 4.6 · 0.015 · 20 = 1.38 away."""
    points = days(-5, *[20] * 70)

    found = next_of(points, -20)

    assert (found.expected, found.low, found.high) == tuple(map(pytest.approx, (20, 18.62, 21.38)))
    assert found.score == pytest.approx(-40 / 20 / 0.015)
    assert next_of(points, 21.37, Options(is_count=True)).is_outside is False


# What holds against what is unusual


def test_a_lasting_shift_of_a_fifth_alarms_once_and_is_learnt_within_14_days():
    values = noisy(210)
    values[120:] = [value * 1.2 for value in values[120:]]

    found = judge_all(days(*values), Options())

    assert [place for place, each in enumerate(found) if each.is_anomaly] == [120]
    assert found[120 + 14].expected == pytest.approx(1200, rel=0.03)
    assert not any(each.is_outside for each in found[120 + 14 :])


def test_a_shift_of_hours_alarms_once_and_is_learnt_within_14_days():
    values = noisy(24 * 70)
    values[24 * 40 :] = [value * 1.3 for value in values[24 * 40 :]]

    found = judge_all(hours(*values), Options(interval="hour"))

    assert [place for place, each in enumerate(found) if each.is_anomaly] == [24 * 40]
    assert found[24 * 54].expected == pytest.approx(1300, rel=0.05)


def test_three_odd_days_move_neither_the_level_nor_the_days_after():
    """Weekdays have 1,000, weekends 300: without its season, a level is not moved by three of its fourteen days."""
    values = [1000.0, 1000.0, 1000.0, 1000.0, 1000.0, 300.0, 300.0] * 12
    values[70:73] = [400.0, 400.0, 400.0]

    found = judge_all(days(*values), EXACT)

    assert [place for place, each in enumerate(found) if each.is_outside] == [70, 71, 72]
    assert [each.expected for each in found[73:]] == pytest.approx(values[73:])


@pytest.mark.parametrize(
    ("places", "alarms"),
    [
        pytest.param([80], [80], id="one"),
        pytest.param([80, 81, 82], [80], id="three days"),
        pytest.param([80, 87], [80], id="a week later is quiet"),
        pytest.param([80, 88], [80, 88], id="a day more is not"),
        pytest.param([80, 87, 94], [80], id="each keeps it quiet"),
    ],
)
def test_after_one_there_is_quiet(places, alarms):
    values = [1000.0] * 100
    for place in places:
        values[place] = 2000.0

    found = judge_all(days(*values), EXACT)

    assert [place for place, each in enumerate(found) if each.is_outside] == places
    assert [place for place, each in enumerate(found) if each.is_anomaly] == alarms


def test_what_was_flagged_stays_in_the_history():
    """Every second Monday doubles: soon they are so many that a Monday is expected in between, and no Tuesday is."""
    values = [float(2000 if place % 14 == 0 else 1000) for place in range(140)]

    monday = next_of(days(*values), 2000)
    assert monday.at.weekday() == 0
    assert 1000 < monday.expected < 2000
    assert next_of(days(*values, 1000), 1000).expected == pytest.approx(1000)


# What was asked for


@pytest.mark.parametrize(
    ("options", "outside"),
    [
        pytest.param({}, [700, 900, 1100, 1300], id="both ways"),
        pytest.param({"direction": "up"}, [1100, 1300], id="up"),
        pytest.param({"direction": "down"}, [700, 900], id="down"),
        pytest.param({"min_absolute": 101}, [700, 1300], id="by more than 101"),
        pytest.param({"min_absolute": 99}, [700, 900, 1100, 1300], id="by more than 99"),
        pytest.param({"min_relative": 0.2}, [700, 1300], id="by more than a fifth"),
        pytest.param({"min_relative": 0.2, "min_absolute": 301}, [], id="by both"),
        pytest.param({"sensitivity": "low"}, [700, 900, 1100, 1300], id="1,000 / e^0.09 and · e^0.09: 914 and 1,094"),
        pytest.param({"excluded": frozenset({date(2026, 3, 16)})}, [], id="that day is left out"),
        pytest.param({"excluded": frozenset({date(2026, 3, 15)})}, [700, 900, 1100, 1300], id="the day before is"),
    ],
)
def test_what_counts_as_outside(options, outside):
    points = days(*[1000.0] * 70)  # to 15 March
    asked = Options(is_count=False, **options)

    assert [value for value in (700, 900, 1000, 1100, 1300) if next_of(points, value, asked).is_outside] == outside


@pytest.mark.parametrize(("interval", "steps"), [("day", 70), ("hour", 24 * 30)])
def test_sensitivity_is_how_many_usual_distances(interval, steps):
    points = (days if interval == "day" else hours)(*[1000.0] * steps)

    for sensitivity, threshold in THRESHOLDS[interval].items():
        found = next_of(points, 1000, Options(interval, sensitivity=sensitivity, is_count=False))
        assert math.log((found.high + 10) / (found.low + 10)) / 2 == pytest.approx(threshold * 0.015)


def test_least_differences_are_seen_in_the_bounds():
    found = next_of(days(*[1000.0] * 70), 1100, Options(is_count=False, min_absolute=200, min_relative=0.3))

    assert (found.low, found.high) == (pytest.approx(700), pytest.approx(1300))


def test_days_that_are_left_out_teach_nothing():
    """Seven Mondays of eight were holidays with nothing: left out, the eighth alone says what a Monday is."""
    values = [1000.0] * 77
    holidays = [place for place in range(21, 77) if place % 7 == 0][:7]
    for place in holidays:
        values[place] = 0.0
    excluded = frozenset((MONDAY + place * DAY).date() for place in holidays)

    found = next_of(days(*values), 1000, Options(is_count=False, excluded=excluded))

    assert (found.expected, found.is_outside) == (pytest.approx(1000), False)
    assert next_of(days(*values), 1000).expected == pytest.approx(0)
    judged = judge_all(days(*values), Options(is_count=False, excluded=excluded))
    assert [judged[place].method for place in holidays] == ["excluded"] * 7
    assert not any(each.is_outside for each in judged)
    first_hour = judge_all(hours(3.0), Options(interval="hour", excluded=frozenset({MONDAY.date()})))
    assert first_hour == [Judgement(MONDAY, 3.0, "hour", method="excluded")]


# How much history there has to be


@pytest.mark.parametrize(
    ("interval", "length", "method"),
    [
        ("day", 0, "none"),
        ("day", 20, "none"),
        ("day", 21, "naive"),
        ("day", 55, "naive"),
        ("day", 56, "weekly"),
        ("hour", 167, "none"),
        ("hour", 168, "naive"),
        ("hour", 335, "naive"),
        ("hour", 336, "weekly"),
    ],
)
def test_how_it_is_judged_by_how_much_there_is(interval, length, method):
    step = DAY if interval == "day" else HOUR
    points = (days if interval == "day" else hours)(*[1000.0] * length)

    found = judge(points, 2000, MONDAY + length * step, Options(interval, is_count=False))

    assert (found.method, found.is_anomaly) == (method, method != "none")
    assert (found.expected is None, found.low is None, found.score is None) == (method == "none",) * 3


def test_the_naive_way_takes_the_median_of_the_same_weekdays():
    """Three Mondays had 100, 300 and 110."""
    points = days(100, *[50] * 6, 300, *[50] * 6, 110, *[50] * 6)

    assert next_of(points, 110).expected == pytest.approx(110)


def test_gaps_are_unknown_not_nothing():
    """Nobody reports on weekends: they have no value, and Friday's is expected of Fridays."""
    values = [1000, 1000, 1000, 1000, 1200, None, None] * 12
    points = [point for point in days(*values) if point.value is not None]

    assert next_of(days(*values, 1000, 1000, 1000, 1000), 1200).expected == pytest.approx(1200)
    assert judge_all(points, EXACT) == judge_all(days(*values), EXACT)
    assert len(judge_all(points, EXACT)) == 60
    saturday = judge(points, 500, MONDAY + 84 * DAY + 5 * DAY, EXACT)
    assert (saturday.method, saturday.expected) == ("none", None)


def test_what_is_too_old_does_not_matter():
    recent = days(*noisy(60), start=MONDAY + 1000 * DAY)

    assert next_of([*days(*[5.0] * 200), *recent], 900) == next_of(recent, 900)
