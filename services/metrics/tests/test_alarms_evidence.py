"""What a look says of a condition, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from opsloop_metrics.alarms import rules
from opsloop_metrics.alarms.rules import Condition, Evidence, Expected, Unusual
from opsloop_metrics.events.rules import Aggregate, Reading, Selection
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpis.rules import Definition, Direction, Goal

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BAD, GOOD, NONE = Evidence.BAD, Evidence.GOOD, Evidence.NONE
CHANGE, NO_DATA = Condition("change", "lt", -0.2), Condition("no_data")
KPI = Definition(uuid4(), "k", "A KPI", unit=None, target=None, measure=Measure())


@pytest.mark.parametrize(
    ("operator", "below", "equal", "over"),
    [("lt", True, False, False), ("le", True, True, False), ("gt", False, False, True), ("ge", False, True, True)],
)
def test_equality_belongs_to_le_and_ge(operator: Any, below: bool, equal: bool, over: bool):
    assert [rules.holds(value, operator, 2.0) for value in (1.9, 2.0, 2.1)] == [below, equal, over]


@pytest.mark.parametrize(
    ("value", "threshold"), [(29 / 100 * 100, 29.0), (0.1 + 0.2, 0.3), (-0.1 - 0.2, -0.3), (0.0, 0.0), (1e300, 1e300)]
)
def test_what_doubles_lose_makes_nothing_unequal(value: float, threshold: float):
    assert [rules.holds(value, operator, threshold) for operator in ("lt", "le", "gt", "ge")] == [
        False, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "threshold"), [(1e-300, 0.0), (1.0000001, 1.0), (9007199254740.0, 9007199254739.0)])
def test_what_is_a_little_more_is_more(value: float, threshold: float):
    assert [rules.holds(value, operator, threshold) for operator in ("lt", "le", "gt", "ge")] == [
        False, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "samples", "min_count", "found"),
    [
        (0.9, 10, 1, BAD),
        (0.1, 10, 1, GOOD),
        (None, 0, 1, NONE),
        (0.9, 4, 5, NONE),
        (0.9, 5, 5, BAD),
        (0.1, 4, 5, GOOD),
        (9.0, 0, 1, BAD),
    ],
)
def test_small_samples_never_alarm_but_may_calm(value: float | None, samples: int, min_count: int, found: Evidence):
    condition = Condition("threshold", "ge", 0.5)
    assert rules.evidence(condition, Reading(value, samples), min_count=min_count) is found


def test_silence_counts_only_after_something_was_heard():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert rules.evidence(NO_DATA, Reading(None, 0), min_count=1) is NONE
    assert rules.evidence(NO_DATA, Reading(None, 0, last_seen_at=now), min_count=1) is BAD
    assert rules.evidence(NO_DATA, Reading(0.0, 1, last_seen_at=now), min_count=1) is GOOD


@pytest.mark.parametrize(
    ("now", "before", "found"),
    [
        ((80.0, 9), (100.0, 9), GOOD),  # exactly a fifth less is not less than that
        ((79.0, 9), (100.0, 9), BAD),
        ((-121.0, 9), (-100.0, 9), BAD),  # of negative numbers the size counts: 21 % less
        ((-79.0, 9), (-100.0, 9), GOOD),
        ((0.0, 9), (1e-300, 9), BAD),
        ((1e308, 9), (-1e-300, 9), GOOD),  # beyond all numbers
        ((1.0, 9), (0.0, 9), NONE),
        ((1.0, 9), (None, 9), NONE),
        ((None, 9), (1.0, 9), NONE),
        ((1.0, 2), (9.0, 9), NONE),
        ((1.0, 9), (9.0, 2), NONE),
        ((9.0, 2), (9.0, 2), GOOD),
    ],
)
def test_a_change_is_a_share_of_what_was_before(now: tuple[Any, int], before: tuple[Any, int], found: Evidence):
    assert rules.evidence_of_change(CHANGE, Reading(*now), Reading(*before), min_count=3) is found


@pytest.mark.parametrize(
    ("operator", "value", "now", "before", "found"),
    [
        ("ge", 0.2, 1.2, 1.0, BAD),
        ("gt", 0.2, 1.2, 1.0, GOOD),
        ("le", -0.3, 0.7, 1.0, BAD),
        ("lt", -0.3, 0.7, 1.0, GOOD),
        ("ge", 0.1, 1_000_000.11, 909_091.0, BAD),  # 0.1 and 8e-15
        ("ge", 0.2, 1.19, 1.0, GOOD),
    ],
)
def test_a_change_of_exactly_so_much_belongs_to_le_and_ge(
    operator: Any, value: float, now: float, before: float, found: Evidence
):
    condition = Condition("change", operator, value)
    assert rules.evidence_of_change(condition, Reading(now, 1), Reading(before, 1), min_count=1) is found


@pytest.mark.parametrize(
    ("is_outside", "is_anomaly", "is_alarmed", "samples", "found"),
    [
        (False, False, False, 9, GOOD),
        (False, False, True, 1, GOOD),
        (True, True, False, 9, BAD),
        (True, True, False, 1, NONE),  # too few to say so
        (True, False, True, 9, BAD),  # the second day of an anomaly
        (True, False, False, 9, NONE),  # the rest of one whose alarm is over
        (None, False, True, 9, NONE),
    ],
)
def test_an_anomaly_raises_and_what_is_outside_keeps_up(
    is_outside: bool | None, is_anomaly: bool, is_alarmed: bool, samples: int, found: Evidence
):
    assert (
        rules.evidence_of_bucket(is_outside, is_anomaly=is_anomaly, is_alarmed=is_alarmed, samples=samples, min_count=2)
        is found
    )


FIRST = datetime(2026, 10, 1, tzinfo=UTC)
HALF = FIRST + 10 * DAY
UP = Goal(8.0, FIRST, FIRST + 20 * DAY, Direction.UP)
DOWN = Goal(2.0, FIRST, FIRST + 20 * DAY, Direction.DOWN)


@pytest.mark.parametrize(
    ("goal", "start", "value", "progress", "on_pace"),
    [
        (UP, 4.0, 6.0, 0.5, 6.0),
        (UP, 4.0, 3.0, 0.0, 6.0),
        (UP, 4.0, 9.0, 1.0, 6.0),
        (UP, 4.0, None, None, 6.0),
        (UP, None, 6.0, 0.75, 4.0),  # as on the board: value / target
        (UP, 9.0, 6.0, 0.75, 4.0),  # it was there already
        (DOWN, 4.0, 3.0, 0.5, 3.0),
        (DOWN, None, 4.0, 0.5, 4.0),
        (DOWN, 1.0, 4.0, 0.5, 4.0),
        (UP, -1e308, 0.0, 1.0, -5e307),
    ],
)
def test_how_far_a_value_is_and_how_far_it_ought_to_be(
    goal: Goal, start: float | None, value: float | None, progress: float | None, on_pace: float
):
    assert rules.progress(value, start, goal) == progress
    assert rules.on_pace(start, goal, HALF) == on_pace


def test_downwards_and_from_nowhere_nothing_is_on_pace_at_once():
    assert rules.on_pace(None, DOWN, FIRST) is None
    assert rules.on_pace(None, UP, FIRST) == 0


@pytest.mark.parametrize(
    ("value", "found"), [(5.6, GOOD), (5.5999, BAD), (8.0, GOOD), (None, NONE)]
)  # half its time, 0.1 allowed: 40 % of the way from 4 to 8
def test_off_track_is_further_behind_the_time_than_allowed(value: float | None, found: Evidence):
    condition = Condition("off_track", value=0.1)
    assert rules.evidence_of_pace(condition, Reading(value, 1), 4.0, UP, HALF, min_count=1) is found


@pytest.mark.parametrize(("value", "samples", "found"), [(5.0, 2, NONE), (5.0, 3, BAD), (8.0, 2, GOOD)])
def test_few_samples_are_not_off_track(value: float, samples: int, found: Evidence):
    condition = Condition("off_track", value=0.1)
    assert rules.evidence_of_pace(condition, Reading(value, samples), 4.0, UP, HALF, min_count=3) is found


@pytest.mark.parametrize(
    ("aggregates", "values", "is_count"),
    [
        (("count",), [0.5], True),
        (("users",), [], True),
        (("sum",), [3.0], False),
        (("share",), [1.0], False),
        (("p95",), [1.0], False),
        (("count", "count"), [1.0], False),
        ((), [3.0, None, 0.0], True),
        ((), [3.0, 0.5], False),
        ((), [3.0, -1.0], False),
    ],
)
def test_counts_are_what_we_count_and_what_looks_so(aggregates: tuple[str, ...], values: list[Any], is_count: bool):
    measure = Measure(tuple(Selection("a.b", Aggregate(each)) for each in aggregates))
    assert rules.is_count(measure, values) is is_count


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([1.0, 2.0], 1),
        ([1.0, None], 0),
        ([1.0, *[None] * 6], 0),
        ([1.0, *[None] * 7], None),  # a week late is too late
        ([None], None),
        ([], None),
    ],
)
def test_the_newest_that_is_known_is_judged(values: list[float | None], place: int | None):
    assert rules.newest_known(values, "day") == place


def test_what_was_before_the_first_sample_and_what_no_rule_can_judge_is_not_known():
    found = [(0.0, 0), (None, 0), (0.0, 0), (3.0, 3), (0.0, 0), (None, 0), (1e101, 1), (-1e101, 1), (1e100, 1)]

    assert rules.known(found) == [None, None, None, 3.0, 0.0, None, None, None, 1e100]
    assert rules.known([(0.0, 0)]) == [None]
    assert rules.known(found, without={3, 8}) == [None, None, None, None, 0.0, None, None, None, None]
    assert rules.known([]) == []


@pytest.mark.parametrize(
    ("window", "bucket", "length"),
    [
        (None, None, None),
        (3 * HOUR, None, 3 * HOUR),
        (Period.WEEK, None, 7 * DAY),
        (None, rules.Bucket(NOON, NOON + 23 * HOUR, "day"), 23 * HOUR),  # clocks went on
    ],
)
def test_how_long_the_time_was_that_was_looked_at(window, bucket, length):
    kpi = Definition(uuid4(), "k", "A KPI", unit=None, target=None, measure=Measure())
    watched = rules.Watched(kpi=kpi, condition=Condition("no_data"), window=window)
    assert rules.length_of(watched, rules.Found(GOOD, Reading(1.0, 1), bucket=bucket)) == length


BERLIN = ZoneInfo("Europe/Berlin")
USUAL = Expected(100.0, 90.0, 110.0)


def days(*values: float | None) -> list[tuple[datetime, float | None]]:
    """Return days up to Tuesday, 3 November 2026; clocks went back on 25 October."""
    last = datetime(2026, 11, 3, tzinfo=BERLIN)
    return [(last - (len(values) - 1 - place) * DAY, value) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("weeks", "excluded", "back"),
    [
        ([100, 100], (), 1),
        ([100, 50], (), 2),  # a Tuesday as unusual as this one explains nothing
        ([100, None], (), 2),
        ([100, 100], (date(2026, 10, 27),), 2),
        ([50, 200], (), 1),  # none was as expected: that of a week before
    ],
)
def test_a_day_is_compared_with_the_latest_of_its_weekday_that_was_as_expected(
    weeks: list[float | None], excluded: tuple[date, ...], back: int
):
    points = days(*(value for week in weeks for value in (week, *[None] * 6)), 40.0)

    assert rules.usual_place(points, USUAL, Unusual(excluded=excluded)) == len(points) - 1 - 7 * back


def test_an_hour_is_compared_with_the_same_of_the_clock_on_the_wall():
    """From Monday, 26 October, 10:00 in Berlin a week back there are 169 hours."""
    here = datetime(2026, 10, 26, 9, tzinfo=UTC)
    points = [((here - back * HOUR).astimezone(BERLIN), 100.0) for back in range(400, -1, -1)]

    assert rules.usual_place(points, USUAL, Unusual("hour")) == 400 - 169


def test_a_day_without_one_of_its_weekday_is_compared_with_none():
    assert rules.usual_place(days(*[100.0] * 7), USUAL, Unusual()) is None


@pytest.mark.parametrize(
    ("interval", "hold_for", "judged_at", "bad_since", "is_held_back"),
    [
        ("day", 0 * HOUR, NOON, NOON + DAY, True),
        ("day", 0 * HOUR, NOON, NOON + DAY + HOUR, True),  # clocks went back
        ("day", DAY, NOON, NOON + DAY, False),
        ("day", DAY, NOON + DAY, NOON + DAY, True),
        ("hour", 0 * HOUR, NOON, NOON + HOUR, True),
        ("hour", HOUR, NOON, NOON + HOUR, False),
        ("hour", HOUR, NOON + HOUR, NOON + HOUR, True),
        ("hour", 0 * HOUR, None, NOON, False),
        ("hour", 0 * HOUR, NOON, None, False),
        (None, 0 * HOUR, NOON, NOON, False),
    ],
)
def test_what_was_bad_for_long_enough_is_held_back_by_a_silence_alone(
    interval, hold_for, judged_at, bad_since, is_held_back
):
    condition = Condition("no_data") if interval is None else Condition("anomaly", unusual=Unusual(interval=interval))
    watched = rules.Watched(kpi=KPI, condition=condition, window=None, hold_for=hold_for, judged_at=judged_at)
    assert rules.is_held_back(watched, bad_since) is is_held_back
