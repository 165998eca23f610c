"""What a monitor watches for: what is read, what is refused and why, without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_metrics.events.rules import Aggregate, Selection
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.monitors import rules
from opsloop_metrics.monitors.rules import Condition, State

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
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

    with pytest.raises(
        Conflict,
        match=r"^a measure of events needs a window, and a monitor of this KPI has none; give it one first$",
    ):
        rules.require_windows_everywhere(measure, windows)


@pytest.mark.parametrize(("window", "fits"), [(None, True), (30 * DAY, True), (31 * DAY, False)])
def test_a_window_is_not_longer_than_events_are_kept(window: timedelta | None, fits: bool):
    if fits:
        rules.require_kept(window, 30 * DAY)
        return

    with pytest.raises(Invalid) as refused:
        rules.require_kept(window, 30 * DAY)

    said = "events are kept for 30 days, so a window over them is at most that long"
    assert list(refused.value.errors) == [FieldError("/window", said)]


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
