"""What a KPI measures and a monitor watches for: what is read, what is refused and why, without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsloop_common.conditions import Condition as Where
from opsloop_common.conditions import Op
from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_metrics.events.rules import Aggregate, Cause, Reading, Selection
from opsloop_metrics.kpis import rules
from opsloop_metrics.kpis.rules import Condition, Direction, Measure, State

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


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"type": "reported"}, REPORTED),
        (COUNT, EVENTS),
        (COUNT | {"property": "data.x"}, EVENTS),
        (
            COUNT | {"aggregate": "sum", "property": "data.x"},
            Measure((Selection("a.b", Aggregate.SUM, "data.x"),)),
        ),
        (
            COUNT | {"aggregate": "share", "where": WHERE},
            Measure((Selection("a.b", Aggregate.SHARE, None, (Where(field="data.severity", op=Op.EQ, value="s1"),)),)),
        ),
        (
            {"type": "ratio", "numerator": COUNT, "denominator": COUNT | {"event": "c.d"}},
            Measure((Selection("a.b", Aggregate.COUNT), Selection("c.d", Aggregate.COUNT))),
        ),
    ],
)
def test_a_measure_is_read(raw: dict[str, Any], expected: Measure):
    assert rules.read_measure(raw) == expected


SIDES = "both sides of a ratio are measures of type events"
NUMBERS = "needs the property to take the numbers from"


@pytest.mark.parametrize(
    ("raw", "pointer", "detail"),
    [
        ({"type": "insight"}, "/measure/type", "a measure of type insight is not supported yet"),
        (COUNT | {"aggregate": "p95"}, "/measure/aggregate", "the aggregate p95 is not supported yet"),
        (COUNT | {"aggregate": "avg"}, "/measure/property", f"avg {NUMBERS}"),
        (
            COUNT | {"aggregate": "share"},
            "/measure/where",
            "share needs conditions: it is those that fulfil them over all",
        ),
        ({"type": "ratio", "numerator": {"type": "reported"}, "denominator": COUNT}, "/measure/numerator/type", SIDES),
        ({"type": "ratio", "numerator": COUNT, "denominator": {"type": "ratio"}}, "/measure/denominator/type", SIDES),
        (
            {"type": "ratio", "numerator": COUNT, "denominator": COUNT | {"aggregate": "sum"}},
            "/measure/denominator/property",
            f"sum {NUMBERS}",
        ),
    ],
)
def test_a_measure_that_is_none_is_refused(raw: dict[str, Any], pointer: str, detail: str):
    assert refusal(lambda: rules.read_measure(raw)) == FieldError(pointer, detail)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"type": "no_data"}, Condition("no_data")),
        ({"type": "threshold", "operator": "lt", "value": 0}, Condition("threshold", "lt", 0.0)),
    ],
)
def test_a_condition_is_read(raw: dict[str, Any], expected: Condition):
    assert rules.read_monitor_condition(raw) == expected


NOTHING_COMPARED = "no_data compares with nothing: leave operator and value out"


@pytest.mark.parametrize(
    ("raw", "pointer", "detail"),
    [
        ({"type": "change"}, "/condition/type", "a condition of type change is not supported yet"),
        ({"type": "anomaly"}, "/condition/type", "a condition of type anomaly is not supported yet"),
        ({"type": "no_data", "operator": "lt"}, "/condition/operator", NOTHING_COMPARED),
        ({"type": "no_data", "value": 1}, "/condition/operator", NOTHING_COMPARED),
        ({"type": "threshold", "value": 1}, "/condition/operator", "a threshold needs an operator"),
        ({"type": "threshold", "operator": "lt"}, "/condition/value", "a threshold needs a value"),
    ],
)
def test_a_condition_that_is_none_is_refused(raw: dict[str, Any], pointer: str, detail: str):
    assert refusal(lambda: rules.read_monitor_condition(raw)) == FieldError(pointer, detail)


@pytest.mark.parametrize("window", [None, SECOND, 366 * DAY])
def test_a_window_slides(window: timedelta | None):
    assert rules.read_window(window) == window


LENGTH = "a window is longer than nothing and at most 366 days"


@pytest.mark.parametrize(
    ("window", "detail"),
    [
        ("week", "the calendar window week is not supported yet; give a duration"),
        (timedelta(), LENGTH),
        (366 * DAY + SECOND, LENGTH),
    ],
)
def test_a_window_that_is_none_is_refused(window: timedelta | str, detail: str):
    assert refusal(lambda: rules.read_window(window)) == FieldError("/window", detail)


@pytest.mark.parametrize(("raw", "delay"), [(None, timedelta()), (timedelta(), timedelta()), (366 * DAY, 366 * DAY)])
def test_a_delay_is_read(raw: timedelta | None, delay: timedelta):
    assert rules.read_delay(raw, "/for") == delay


@pytest.mark.parametrize("raw", [-SECOND, 366 * DAY + SECOND])
@pytest.mark.parametrize("field", ["for", "keep_firing_for"])
def test_a_delay_that_is_none_is_refused(raw: timedelta, field: str):
    assert refusal(lambda: rules.read_monitor({field: raw})) == FieldError(f"/{field}", "from nothing to 366 days")


def test_of_a_monitor_what_is_given_is_kept():
    given = {
        "condition": {"type": "threshold", "operator": "ge", "value": 2},
        "window": DAY,
        "for": SECOND,
        "keep_firing_for": 2 * SECOND,
        "min_count": 3,
        "severity": "info",
        "enabled": False,
        "name": "is not a monitor's",
    }

    kept = rules.read_monitor(given)

    assert kept == {
        "condition_type": "threshold",
        "operator": "ge",
        "threshold": 2.0,
        "window": DAY,
        "hold_for": SECOND,
        "keep_firing_for": 2 * SECOND,
        "min_count": 3,
        "severity": "info",
        "enabled": False,
    }
    assert rules.condition_of(kept) == Condition("threshold", "ge", 2.0)
    assert rules.read_monitor({}) == {}
    assert rules.read_monitor({"window": None, "for": None}) == {"window": None, "hold_for": timedelta()}


THRESHOLD, NO_DATA = Condition("threshold", "lt", 1.0), Condition("no_data")


@pytest.mark.parametrize(
    ("measure", "condition", "window", "detail"),
    [
        (EVENTS, THRESHOLD, DAY, None),
        (REPORTED, THRESHOLD, None, None),
        (REPORTED, NO_DATA, DAY, None),
        (EVENTS, THRESHOLD, None, "a measure of events needs a window"),
        (REPORTED, NO_DATA, None, "no_data needs a window: how long silence is normal"),
    ],
)
def test_events_and_silence_need_a_window(
    measure: Measure, condition: Condition, window: timedelta | None, detail: str | None
):
    if detail is None:
        rules.require_window(measure, condition, window)
        return

    assert refusal(lambda: rules.require_window(measure, condition, window)) == FieldError("/window", detail)


@pytest.mark.parametrize(
    ("measure", "windows", "refused"),
    [(EVENTS, [DAY, None], True), (EVENTS, [DAY], False), (EVENTS, [], False), (REPORTED, [None], False)],
)
def test_who_measures_events_has_windows_everywhere(measure: Measure, windows: list[timedelta | None], refused: bool):
    if not refused:
        rules.require_windows_everywhere(measure, windows)
        return

    with pytest.raises(Conflict, match=r"^a measure of events needs a window, and a monitor of this KPI has none$"):
        rules.require_windows_everywhere(measure, windows)


def test_only_what_is_reported_takes_values():
    rules.require_reported(REPORTED)

    with pytest.raises(Conflict, match=r"^this KPI is measured from events; only a reported one takes values$"):
        rules.require_reported(EVENTS)


def test_clocks_may_differ_by_five_minutes():
    ahead = timedelta(minutes=5)
    rules.require_not_ahead(NOW + ahead, NOW)

    error = refusal(lambda: rules.require_not_ahead(NOW + ahead + SECOND, NOW))
    assert error == FieldError("/at", "more than 5 minutes ahead of the server's clock")


def cause(id: str) -> Cause:
    return Cause(id, "c", 0, None)


OVER = Reading(3.0, 3, NOW - DAY, NOW + 2 * DAY, NOW - 3 * SECOND, cause("1"))
UNDER = Reading(4.0, 4, NOW - SECOND, NOW + DAY, NOW - 4 * SECOND, cause("2"))


def test_one_part_is_the_reading():
    assert rules.combine([OVER]) is OVER


def test_a_ratio_is_of_both_parts():
    expected = Reading(0.75, 4, NOW - DAY, NOW + DAY, NOW - 4 * SECOND, cause("2"))

    assert rules.combine([OVER, UNDER]) == expected
    assert rules.combine([UNDER, OVER]).cause == cause("2")


@pytest.mark.parametrize(
    ("over", "under", "value"),
    [
        (None, 4.0, None),
        (3.0, None, None),
        (3.0, 0.0, None),
        (0.0, 3.0, 0.0),
        (1e308, 1e-10, None),
        (-1e308, 1e-10, None),
    ],
)
def test_a_ratio_over_nothing_is_null(over: float | None, under: float | None, value: float | None):
    found = rules.combine([Reading(over, 1), Reading(under, 2)])

    assert found == Reading(value, 2)


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
    ("states", "worst"),
    [
        ([], State.OK),
        ([State.PENDING, State.OK], State.PENDING),
        ([State.BREACHED, State.NO_DATA], State.BREACHED),
        ([State.NO_DATA, State.RECOVERING], State.NO_DATA),
    ],
)
def test_a_kpi_is_as_its_worst_monitor(states: list[State], worst: State):
    assert rules.worst(states) is worst


def test_a_measure_knows_its_events():
    assert REPORTED.is_reported
    assert not EVENTS.is_reported
    two = Measure(
        (Selection("c.d", Aggregate.COUNT), Selection("a.b", Aggregate.COUNT), Selection("a.b", Aggregate.COUNT))
    )
    assert two.event_types == ["a.b", "c.d"]


def test_edges_are_cut_off_at_the_end():
    assert rules.edges(NOW, NOW + 5 * SECOND, 2 * SECOND) == [NOW + n * SECOND for n in (0, 2, 4, 5)]
    assert rules.edges(NOW, NOW + 4 * SECOND, 2 * SECOND) == [NOW + n * SECOND for n in (0, 2, 4)]
    assert len(rules.edges(NOW, NOW + 1000 * SECOND, SECOND)) == 1001


@pytest.mark.parametrize(
    ("length", "step", "pointer", "detail"),
    [
        (timedelta(), SECOND, "/query/to", "is not after from"),
        (-SECOND, SECOND, "/query/to", "is not after from"),
        (DAY, SECOND / 2, "/query/step", "is at least one second"),
        (1001 * SECOND, SECOND, "/query/step", "makes 1001 intervals of this time; 1000 fit one answer"),
    ],
)
def test_edges_that_are_none_are_refused(length: timedelta, step: timedelta, pointer: str, detail: str):
    assert refusal(lambda: rules.edges(NOW, NOW + length, step)) == FieldError(pointer, detail)
