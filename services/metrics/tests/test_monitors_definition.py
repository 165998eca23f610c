"""What a monitor watches for: what is read, what is refused and why, without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.alarms.rules import Condition, Unusual
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.monitors import rules
from opsloop_metrics.monitors.rules import State

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def refusal(read: Callable[[], object]) -> FieldError:
    """Return the one field that is refused."""
    with pytest.raises(Invalid) as refused:
        read()
    [error] = refused.value.errors
    return error


@pytest.mark.parametrize(("raw", "delay"), [(None, timedelta()), (timedelta(), timedelta()), (366 * DAY, 366 * DAY)])
def test_a_delay_is_read(raw: timedelta | None, delay: timedelta):
    assert rules.read_delay(raw, "/for") == delay


@pytest.mark.parametrize("raw", [-SECOND, 366 * DAY + SECOND])
@pytest.mark.parametrize("field", ["for", "keep_firing_for"])
def test_a_delay_that_is_none_is_refused(raw: timedelta, field: str):
    assert refusal(lambda: rules.read_monitor({field: raw})) == FieldError(f"/{field}", "from nothing to 366 days")


GIVEN = {
    "condition": {"type": "threshold", "operator": "ge", "value": 2},
    "window": DAY,
    "for": SECOND,
    "keep_firing_for": 2 * SECOND,
    "min_count": 3,
    "severity": "info",
    "enabled": False,
    "name": "is not a monitor's",
}
KEPT = {
    "condition_type": "threshold",
    "operator": "ge",
    "threshold": 2.0,
    "unusual": None,
    "window": DAY,
    "calendar": None,
    "hold_for": SECOND,
    "keep_firing_for": 2 * SECOND,
    "min_count": 3,
    "severity": "info",
    "enabled": False,
}


def test_of_a_monitor_what_is_given_is_kept():
    assert rules.read_monitor(GIVEN) == KEPT
    assert rules.condition_of(KEPT) == Condition("threshold", "ge", 2.0)
    assert rules.read_monitor({}) == {}
    nothing = {"window": None, "calendar": None, "hold_for": timedelta()}
    assert rules.read_monitor({"window": None, "for": None}) == nothing


@pytest.mark.parametrize("window", [None, DAY, *Period])
def test_a_window_is_kept_as_a_length_or_a_period(window: timedelta | Period | None):
    kept = rules.read_monitor({"window": window})

    assert kept["window"] is None or kept["calendar"] is None
    assert rules.window_of(kept["window"], kept["calendar"]) == window


def test_what_an_anomaly_is_is_kept():
    kept = rules.read_monitor({"condition": {"type": "anomaly", "direction": "down"}})

    assert (kept["condition_type"], kept["operator"], kept["threshold"]) == ("anomaly", None, None)
    assert rules.condition_of(kept) == Condition("anomaly", unusual=Unusual(direction="down"))


def test_a_kept_setting_that_decides_what_the_state_says_is_known_as_one():
    assert {"condition_type", "operator", "threshold", "unusual", "window", "calendar", "min_count"} == rules.MEANING
    assert KEPT.keys() > rules.MEANING


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
