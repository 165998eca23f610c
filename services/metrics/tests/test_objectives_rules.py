"""The rules of objectives, worked by hand."""

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Conflict, Invalid
from opsloop_metrics.objectives import rules
from opsloop_metrics.objectives.rules import Days, GoalState, Span

# 100 days, so that a day is 0.01 of the pace
START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=100))
numbers = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-H1", date(2026, 1, 1), date(2026, 6, 30)),
        ("2026-H2", date(2026, 7, 1), date(2026, 12, 31)),
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_a_name_means_days(name, first, last):
    assert rules.named_days(name) == Days(first, last)


@pytest.mark.parametrize("name", ["", "26", "2026-Q5", "2026-q4", "2026-H3", "2026-13", "2026-00", "2026-1", "1800"])
def test_other_names_mean_none(name):
    with pytest.raises(Invalid) as refused:
        rules.named_days(name)
    assert [error.pointer for error in refused.value.errors] == ["/period"]


DAY = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("period", "first", "last", "pointer"),
    [
        (None, None, None, "/from"),
        (None, DAY, None, "/to"),
        (None, None, DAY, "/from"),
        ("2026", DAY + timedelta(days=1), None, "/period"),
        ("2026", None, DAY, "/period"),
        (None, DAY, DAY - timedelta(days=1), "/to"),
        (None, DAY, DAY + timedelta(days=366), "/to"),
    ],
)
def test_days_that_make_no_sense_are_refused(period, first, last, pointer):
    with pytest.raises(Invalid) as refused:
        rules.chosen_days(period, first, last)
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_a_name_and_its_days_agree():
    assert rules.chosen_days("2026-01", DAY, None) == rules.chosen_days("2026-01", DAY, date(2026, 1, 31))


@pytest.mark.parametrize("days", [0, 365])
def test_from_one_day_to_366_days_may_be_chosen(days):
    last = DAY + timedelta(days=days)
    assert rules.chosen_days(None, DAY, last) == Days(DAY, last)


def test_a_quarter_is_of_the_zone_and_its_last_day_belongs_to_it():
    span = rules.span_of(rules.named_days("2026-Q4"), "Asia/Shanghai")
    assert span == Span(datetime(2026, 9, 30, 16, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC))


def test_a_spring_in_which_clocks_change_is_an_hour_shorter():
    span = rules.span_of(rules.named_days("2026-03"), "Europe/Berlin")
    assert span.end - span.start == timedelta(days=31, hours=-1)


@pytest.mark.parametrize(("days", "pace"), [(-1, 0), (0, 0), (25, 0.25), (100, 1), (101, 1)])
def test_the_pace_is_the_share_that_has_passed(days, pace):
    assert SPAN.pace(START + timedelta(days=days)) == pace


@pytest.mark.parametrize(
    ("start", "target", "value", "share"),
    [
        pytest.param(0, 100, 25, 0.25, id="25 of 100"),
        pytest.param(40, 60, 45, 0.25, id="5 of 20 up"),
        pytest.param(0.08, 0.04, 0.07, 0.25, id="1 of 4 points down"),
        pytest.param(10, 20, 5, 0.0, id="the wrong way is no way"),
        pytest.param(10, 20, 30, 1.0, id="beyond is there"),
        pytest.param(20, 10, 25, 0.0, id="the wrong way down"),
        pytest.param(20, 10, 5, 1.0, id="beyond downwards"),
        pytest.param(-10, 10, 0, 0.5, id="across zero"),
        pytest.param(0, 100, None, None, id="no value"),
        pytest.param(-1.7e308, 1.7e308, 0, 0.5, id="as far as numbers go"),
        pytest.param(0, 5e-324, 1e308, 1.0, id="as near as numbers go"),
    ],
)
def test_progress_is_the_share_of_the_way(start, target, value, share):
    assert rules.progress(start, target, value) == pytest.approx(share)


@given(start=numbers, target=numbers, value=numbers)
def test_progress_is_a_share_whatever_the_numbers_are(start, target, value):
    if start != target:
        assert 0 <= rules.progress(start, target, value) <= 1


@pytest.mark.parametrize(
    ("parts", "share"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([(0.5, 1)], 0.5, id="one"),
        pytest.param([(0.2, 1), (0.6, 3)], 0.5, id="(0.2 + 3 x 0.6) / 4"),
        pytest.param([(1.0, 1), (None, 1)], 0.5, id="no value yet is no progress"),
        pytest.param([(1.0, 1e300), (0.0, 1e300)], 0.5, id="large weights"),
    ],
)
def test_an_objective_is_the_weighted_mean(parts, share):
    assert rules.mean(parts) == pytest.approx(share)


@pytest.mark.parametrize(
    ("days", "share", "state"),
    [
        (-1, None, "not_started"),
        (-1, 1.0, "not_started"),
        (0, 0.0, "on_track"),
        (50, 0.5, "on_track"),
        (50, 0.35, "on_track"),  # 0.15 behind is not more than 0.15
        (50, 0.34, "at_risk"),
        (50, 0.2, "at_risk"),  # 0.3 behind is not more than 0.3
        (50, 0.19, "off_track"),
        (30, None, "at_risk"),
        (31, None, "off_track"),
        (50, 1.0, "achieved"),
        (99.99, 0.99, "on_track"),
        (100, 0.999, "missed"),
        (100, 1.0, "achieved"),
        (100, 1 - 1e-12, "achieved"),
    ],
)
def test_the_state_is_how_far_behind_the_pace(days, share, state):
    assert rules.state_of(share, SPAN, START + timedelta(days=days)) == state


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ("on_track", "at_risk", True),
        ("on_track", "off_track", True),
        ("at_risk", "off_track", True),
        ("not_started", "off_track", True),
        ("achieved", "at_risk", True),
        ("at_risk", "at_risk", False),
        ("off_track", "at_risk", False),
        ("off_track", "on_track", False),
        ("off_track", "missed", False),
        ("not_started", "on_track", False),
    ],
)
def test_only_what_falls_behind_is_told(before, after, worse):
    assert rules.is_worse(GoalState(before), GoalState(after)) is worse


@pytest.mark.parametrize(
    ("hours", "next_hours"), [(-50, 0), (0, 1), (10.5, 11.5), (2399.5, 2400), (2400, None), (5000, None)]
)
def test_it_is_looked_at_every_hour_while_time_goes_on(hours, next_hours):
    found = rules.next_look(SPAN, START + timedelta(hours=hours))
    assert found == (None if next_hours is None else START + timedelta(hours=next_hours))


@pytest.mark.parametrize(
    ("above", "below", "allowed"), [(0, 2, True), (1, 1, True), (2, 0, True), (1, 2, False), (3, 0, False)]
)
def test_three_levels_and_no_more(above, below, allowed):
    with nullcontext() if allowed else pytest.raises(Conflict):
        rules.require_levels(above, below)


def test_a_way_of_no_length_is_refused():
    rules.require_distance(1.0, 2.0)
    with pytest.raises(Invalid) as refused:
        rules.require_distance(1.0, 1.0)
    assert [error.pointer for error in refused.value.errors] == ["/target"]


def test_what_a_kpi_measures_is_not_said_by_hand():
    rules.require_no_value(True, None)
    rules.require_no_value(False, 1.0)
    with pytest.raises(Conflict):
        rules.require_no_value(True, 0.0)


@pytest.mark.parametrize(
    ("value", "hours", "expected"), [(None, 0, True), (None, 23.9, True), (None, 24, False), (0.0, 0, False)]
)
def test_a_value_is_awaited_for_a_day(value, hours, expected):
    assert rules.is_awaited(value, START, START + timedelta(hours=hours)) is expected
