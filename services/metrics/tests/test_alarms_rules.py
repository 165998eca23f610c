"""What a monitor watches for: what is read, what is refused and why, and what looks say; without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_metrics.alarms import rules
from opsloop_metrics.alarms.rules import Condition, Evidence, Unusual
from opsloop_metrics.events.rules import Aggregate, Reading, Selection
from opsloop_metrics.kpi_measures.rules import Asked, Formula, Measure
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpis.rules import Definition, Direction, Goal
from opsloop_metrics.windows.rules import Window

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BAD, GOOD, NONE = Evidence.BAD, Evidence.GOOD, Evidence.NONE
EVENTS = Measure((Selection("a.b", Aggregate.COUNT),))
REPORTED = Measure()
ASKED = Measure(insight=Asked(uuid4()))
HOURLY = Unusual("hour", "down", "high", 5.0, 0.1, (date(2026, 12, 25),))


def refusal(read: Callable[[], object]) -> FieldError:
    """Return the one field that is refused."""
    with pytest.raises(Invalid) as refused:
        read()
    [error] = refused.value.errors
    return error


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"type": "no_data"}, Condition("no_data")),
        ({"type": "no_data", "operator": None, "interval": None}, Condition("no_data")),
        ({"type": "threshold", "operator": "lt", "value": 0}, Condition("threshold", "lt", 0.0)),
        ({"type": "change", "operator": "le", "value": -0.2}, Condition("change", "le", -0.2)),
        ({"type": "off_track", "value": 0}, Condition("off_track", value=0.0)),
        ({"type": "anomaly"}, Condition("anomaly", unusual=Unusual())),
        (
            {
                "type": "anomaly",
                "interval": "hour",
                "direction": "down",
                "sensitivity": "high",
                "min_absolute": 5.0,
                "min_relative": 0.1,
                "excluded": [date(2026, 12, 25)],
            },
            Condition("anomaly", unusual=HOURLY),
        ),
    ],
)
def test_a_condition_is_read(raw: dict[str, Any], expected: Condition):
    assert rules.read_condition(raw) == expected


TOO_FAR = "off_track needs a value from 0 to below 1: how far behind its time is too far"


@pytest.mark.parametrize(
    ("raw", "pointer", "detail"),
    [
        ({"type": "change"}, "operator", "a change needs an operator"),
        ({"type": "change", "operator": "lt"}, "value", "a change needs a value"),
        ({"type": "threshold", "value": 1}, "operator", "a threshold needs an operator"),
        ({"type": "threshold", "operator": "lt"}, "value", "a threshold needs a value"),
        (
            {"type": "threshold", "operator": "lt", "value": 1, "interval": "day"},
            "interval",
            "only an anomaly has it, threshold does not",
        ),
        ({"type": "no_data", "excluded": []}, "excluded", "only an anomaly has it, no_data does not"),
        ({"type": "no_data", "operator": "lt"}, "operator", "no_data compares with nothing: leave operator out"),
        ({"type": "no_data", "value": 1}, "value", "no_data compares with nothing: leave value out"),
        ({"type": "anomaly", "value": 1}, "value", "anomaly compares with nothing: leave value out"),
        ({"type": "off_track"}, "value", TOO_FAR),
        ({"type": "off_track", "value": 1}, "value", TOO_FAR),
        ({"type": "off_track", "value": -0.1}, "value", TOO_FAR),
    ],
)
def test_a_condition_that_is_none_is_refused(raw: dict[str, Any], pointer: str, detail: str):
    assert refusal(lambda: rules.read_condition(raw)) == FieldError(f"/condition/{pointer}", detail)


@pytest.mark.parametrize("unusual", [Unusual(), HOURLY])
def test_what_an_anomaly_is_is_kept_as_json(unusual: Unusual):
    assert Unusual.of(unusual.as_json()) == unusual


THRESHOLD, CHANGE, NO_DATA = Condition("threshold", "lt", 1.0), Condition("change", "lt", -0.2), Condition("no_data")
DAILY_ANOMALY, HOURLY_ANOMALY = Condition("anomaly", unusual=Unusual()), Condition("anomaly", unusual=HOURLY)
SILENCE = "no_data needs a window that is a duration: how long silence is normal"
BY_DAY = "what an insight or a formula comes to is kept by day: take day, or watch a KPI of events or reported values by hour"


@pytest.mark.parametrize(
    ("measure", "condition", "window", "pointer", "detail"),
    [
        (EVENTS, THRESHOLD, DAY, "", ""),
        (EVENTS, THRESHOLD, Period.WEEK, "", ""),
        (REPORTED, THRESHOLD, None, "", ""),
        (REPORTED, NO_DATA, DAY, "", ""),
        (EVENTS, HOURLY_ANOMALY, None, "", ""),
        (ASKED, DAILY_ANOMALY, None, "", ""),
        (EVENTS, THRESHOLD, None, "/window", "a measure of events needs a window"),
        (REPORTED, NO_DATA, None, "/window", SILENCE),
        (EVENTS, NO_DATA, Period.DAY, "/window", SILENCE),
        (REPORTED, CHANGE, None, "/window", "a change needs a window: it is compared with the one before"),
        (
            EVENTS,
            DAILY_ANOMALY,
            DAY,
            "/window",
            "an anomaly is a day or an hour (interval): leave window out, or null",
        ),
        (ASKED, HOURLY_ANOMALY, None, "/condition/interval", BY_DAY),
        (Measure(formula=Formula("A", {"A": "k"})), HOURLY_ANOMALY, None, "/condition/interval", BY_DAY),
    ],
)
def test_which_window_goes_with_what(
    measure: Measure, condition: Condition, window: Window | None, pointer: str, detail: str
):
    if not pointer:
        rules.require_window(measure, condition, window)
        rules.require_watchable(measure, [(condition, window)])
        return

    assert refusal(lambda: rules.require_window(measure, condition, window)) == FieldError(pointer, detail)
    with pytest.raises(Conflict) as refused:
        rules.require_watchable(measure, [(condition, window)])
    assert refused.value.detail == f"a monitor of this KPI cannot watch that: {detail}; change it first"


@pytest.mark.parametrize(
    ("condition", "window", "reach"),
    [
        (THRESHOLD, None, None),
        (THRESHOLD, HOUR, HOUR),
        (CHANGE, HOUR, 2 * HOUR),
        (CHANGE, Period.MONTH, 62 * DAY),
        (NO_DATA, DAY, DAY),
        (DAILY_ANOMALY, None, 212 * DAY),
        (HOURLY_ANOMALY, None, 2_425 * HOUR),
    ],
)
def test_how_far_back_a_look_goes(condition: Condition, window: Window | None, reach: timedelta | None):
    assert rules.reach(condition, window) == reach


@pytest.mark.parametrize(
    ("condition", "window", "kept", "fault"),
    [
        (THRESHOLD, 30 * DAY, 30, None),
        (THRESHOLD, None, 30, None),
        (CHANGE, 15 * DAY, 30, None),
        (DAILY_ANOMALY, None, 400, None),
        (
            THRESHOLD,
            31 * DAY,
            30,
            FieldError("/window", "events are kept for 30 days, so a window over them is at most that long"),
        ),
        (
            CHANGE,
            16 * DAY,
            30,
            FieldError(
                "/window",
                "events are kept for 30 days, so a window over them is at most half that, as a change looks at two",
            ),
        ),
        (
            DAILY_ANOMALY,
            None,
            200,
            FieldError("/condition/interval", "looks 212 days back, and events are kept for 200 days"),
        ),
    ],
)
def test_a_look_goes_no_further_than_events_are_kept(
    condition: Condition, window: Window | None, kept: int, fault: FieldError | None
):
    def require() -> None:
        rules.require_kept(condition, window, kept * DAY)

    if fault is None:
        require()
    else:
        assert refusal(require) == fault


@pytest.mark.parametrize(
    ("operator", "below", "equal", "over"),
    [("lt", True, False, False), ("le", True, True, False), ("gt", False, False, True), ("ge", False, True, True)],
)
def test_equality_belongs_to_le_and_ge(operator: Any, below: bool, equal: bool, over: bool):
    assert [rules.holds(value, operator, 2.0) for value in (1.9, 2.0, 2.1)] == [below, equal, over]


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
    assert rules.evidence_of_pace(Condition("off_track", value=0.1), value, 4.0, UP, HALF) is found


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


KPI = Definition(uuid4(), "k", "A KPI", unit=None, target=None, measure=REPORTED)


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
    watched = rules.Watched(kpi=KPI, condition=Condition("no_data"), window=window)
    assert rules.length_of(watched, rules.Found(GOOD, Reading(1.0, 1), bucket=bucket)) == length


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
