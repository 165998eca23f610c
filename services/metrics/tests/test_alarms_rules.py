"""What a monitor watches for: what is read, what is refused and why, without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_metrics.alarms import rules
from opsloop_metrics.alarms.rules import Condition, Unusual
from opsloop_metrics.events.rules import Aggregate, Selection
from opsloop_metrics.kpi_measures.rules import Asked, Formula, Measure
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.windows.rules import Window

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
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


FORMULA = Measure(formula=Formula("A", {"A": "k"}))


def kpi(measure: Measure, period: Period = Period.DAY) -> Definition:
    return Definition(uuid4(), "k", "A KPI", unit=None, target=None, measure=measure, period=period)


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
        (FORMULA, HOURLY_ANOMALY, None, "/condition/interval", BY_DAY),
    ],
)
def test_which_window_goes_with_what(
    measure: Measure, condition: Condition, window: Window | None, pointer: str, detail: str
):
    if not pointer:
        rules.require_fitting(kpi(measure), condition, window, 1)
        rules.require_watchable(kpi(measure), [(condition, window, 1)])
        return

    assert refusal(lambda: rules.require_fitting(kpi(measure), condition, window, 1)) == FieldError(pointer, detail)
    with pytest.raises(Conflict) as refused:
        rules.require_watchable(kpi(measure), [(condition, window, 1)])
    assert refused.value.detail == f"a monitor of this KPI cannot watch that: {detail}; change it first"


@pytest.mark.parametrize(
    ("period", "condition", "window", "pointer"),
    [
        (Period.WEEK, DAILY_ANOMALY, None, "/condition"),
        (Period.MONTH, DAILY_ANOMALY, None, "/condition"),
        (Period.DAY, CHANGE, 23 * HOUR, "/window"),
        (Period.WEEK, CHANGE, Period.DAY, "/window"),
        (Period.MONTH, CHANGE, 30 * DAY, "/window"),
    ],
)
@pytest.mark.parametrize("measure", [ASKED, FORMULA])
def test_what_is_kept_too_seldom_for_a_look_is_refused(
    measure: Measure, period: Period, condition: Condition, window: Window | None, pointer: str
):
    assert refusal(lambda: rules.require_fitting(kpi(measure, period), condition, window, 1)).pointer == pointer
    for each in (REPORTED, EVENTS):
        rules.require_fitting(kpi(each, period), condition, window, 1)


@pytest.mark.parametrize(
    ("period", "window"),
    [(Period.DAY, Period.DAY), (Period.DAY, DAY), (Period.WEEK, Period.WEEK), (Period.MONTH, 31 * DAY)],
)
def test_a_change_of_what_is_kept_needs_a_window_of_its_period(period: Period, window: Window):
    rules.require_fitting(kpi(ASKED, period), CHANGE, window, 1)


def test_what_has_no_samples_needs_no_number_of_them():
    assert refusal(lambda: rules.require_fitting(kpi(ASKED), THRESHOLD, None, 2)).pointer == "/min_count"
    rules.require_fitting(kpi(REPORTED), THRESHOLD, None, 2)


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
