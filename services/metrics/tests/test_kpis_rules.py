"""What a KPI is: what is refused and why, its targets, how it stands, without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_metrics.events.rules import Aggregate, Selection
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.kpi_periods.rules import Kept
from opsloop_metrics.kpis import rules
from opsloop_metrics.kpis.rules import Direction

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
WHERE = [{"field": "data.severity", "op": "eq", "value": "s1"}]
COUNT = {"type": "events", "event": "a.b", "aggregate": "count"}
EVENTS = Measure((Selection("a.b", Aggregate.COUNT),))
REPORTED = Measure()


def refusal(read: Callable[[], object]) -> FieldError:
    """Return the one field that is refused."""
    with pytest.raises(Invalid) as refused:
        read()
    [error] = refused.value.errors
    return error


def test_only_what_is_reported_takes_values():
    rules.require_reported(REPORTED)

    with pytest.raises(
        Conflict,
        match=r"^this KPI is measured; post values to a reported one$",
    ):
        rules.require_reported(EVENTS)


def test_clocks_may_differ_by_five_minutes():
    ahead = timedelta(minutes=5)
    rules.require_not_ahead(NOW + ahead, NOW)

    error = refusal(lambda: rules.require_not_ahead(NOW + ahead + SECOND, NOW))
    assert error == FieldError("/at", "more than 5 minutes ahead of the server's clock")


@pytest.mark.parametrize(
    ("value", "direction", "meets"),
    [
        (1.0, Direction.UP, True),
        (1.1, Direction.UP, True),
        (0.9, Direction.UP, False),
        (1.0, Direction.DOWN, True),
        (0.9, Direction.DOWN, True),
        (1.1, Direction.DOWN, False),
    ],
)
def test_a_target_is_met_the_better_way(value: float, direction: Direction, meets: bool):
    assert rules.meets_target(value, 1.0, direction) is meets


@pytest.mark.parametrize(
    ("value", "target", "direction", "progress"),
    [
        (5.0, 8.0, Direction.UP, 0.625),
        (8.0, 8.0, Direction.UP, 1.0),
        (9.0, 8.0, Direction.UP, 1.0),
        (-1.0, 8.0, Direction.UP, 0.0),
        # 0.1 is wanted and 0.4 is there: a quarter of the way, as target / value
        (0.4, 0.1, Direction.DOWN, 0.25),
        (0.05, 0.1, Direction.DOWN, 1.0),
        (0.4, 0.0, Direction.DOWN, 0.0),
        (0.0, 0.0, Direction.DOWN, 1.0),
        # a quotient of what is below nothing says nothing
        (-5.0, -1.0, Direction.UP, None),
        (-1.0, -5.0, Direction.DOWN, None),
        (None, 8.0, Direction.UP, None),
        (5.0, None, Direction.UP, None),
    ],
)
def test_progress_is_a_share_of_the_target(value, target, direction, progress):
    assert rules.progress(value, target, direction) == progress


QUARTERS = [
    {"from": "2026-10-01", "to": "2026-12-31", "value": 8},
    {"from": "2027-01-01", "to": "2027-03-31", "value": 9.5},
]


@pytest.mark.parametrize(
    ("day", "target"),
    [("2026-09-30", 5.0), ("2026-10-01", 8.0), ("2026-12-31", 8.0), ("2027-01-01", 9.5), ("2027-04-01", 5.0)],
)
def test_a_target_holds_for_its_days_with_both_ends(day, target):
    assert rules.target_on(QUARTERS, 5.0, date.fromisoformat(day)) == target


def test_without_a_target_for_the_day_there_may_be_none():
    assert rules.target_on(QUARTERS, None, date(2026, 9, 30)) is None


def test_targets_share_no_day_and_end_after_they_begin():
    rules.require_targets(QUARTERS)
    wrong = [
        *QUARTERS,
        {"from": "2026-12-31", "to": "2026-12-31", "value": 1},
        {"from": "2027-05-02", "to": "2027-05-01", "value": 1},
    ]

    with pytest.raises(Invalid) as refused:
        rules.require_targets(wrong)

    assert refused.value.errors == (
        FieldError("/targets/2/from", "shares days with a target before it"),
        FieldError("/targets/3/to", "is before from"),
    )


def test_what_only_a_template_says_is_asked_for_without_one():
    rules.require_said({"key": "a", "name": "A"})

    with pytest.raises(Invalid) as refused:
        rules.require_said({"key": None, "name": "A", "measure": None})

    assert [error.pointer for error in refused.value.errors] == ["/key", "/measure"]


def test_a_kpi_stands_by_the_newest_of_its_periods():
    days = [NOW - 2 * DAY, NOW - DAY]
    kept = [
        Kept(day, day + DAY, day + DAY, value, day + DAY + SECOND) for day, value in zip(days, (3.0, 4.0), strict=True)
    ]

    found = rules.standing(kept, target=16.0, direction=Direction.UP)

    assert (found.value, found.measured_at, found.target_now, found.progress) == (4.0, NOW + SECOND, 16.0, 0.25)
    assert rules.standing([], target=16.0, direction=Direction.UP) == rules.Standing(None, None, 16.0, None, [])
