"""Targets that go out of reach, and calendar windows, over HTTP."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from opsloop_common.errors import Invalid
from opsloop_metrics.alarms.rules import Condition, require_possible
from opsloop_metrics.events.rules import Aggregate, Selection
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.kpis.rules import Definition
from services.metrics.tests.days import COUNT, DAY, HOUR, MINUTE, Days

OFF_TRACK = {"type": "off_track", "value": 0.1}
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30", "value": 100}
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
HIGH = {"type": "threshold", "operator": "ge", "value": 3}


@pytest.fixture
def days(world) -> Days:
    return Days(world)


async def test_a_target_that_goes_out_of_reach_is_told_and_ends_when_it_is_caught_up(world, days):
    """From 40 to 100 in November: on the 16th, half the month, it ought to be 70, and below 64 is too far."""
    await world.kpi(targets=[NOVEMBER])
    await world.report(40, FIRST - HOUR)
    world.api.clock.set(FIRST + 15 * DAY)
    await world.report(64)
    await world.monitor(OFF_TRACK)
    seen = await days.seen()
    assert (seen["state"], seen["value"], seen["expected"]) == ("ok", 64, 70)

    await world.settle(5 * 60)

    assert await world.state() == "breached"
    [breached] = await world.told("kpi.breached")
    assert (breached.data["condition"], breached.data["value"], breached.data["threshold"]) == ("off_track", 64, None)
    assert 70 < breached.data["expected"] < 70.1
    await world.report(90)
    await world.settle(1)
    assert await world.state() == "ok"


@pytest.mark.parametrize(
    ("targets", "expected"), [([], None), ([NOVEMBER | {"to": "2026-11-10"}], None), ([NOVEMBER], 100 * 22 / 30)]
)
async def test_without_a_target_of_the_day_there_is_no_evidence(world, days, targets, expected):
    """A target without days has no time to be behind of. Without a value at its begin it is as on the board: value / target."""
    world.api.clock.set(FIRST + 22 * DAY)
    await world.kpi(target=100, targets=[NOVEMBER])
    await world.monitor(OFF_TRACK)
    assert (await world.send("PATCH", "/v1/kpis/k", json={"targets": targets})).status_code == 200
    await world.report(1)
    await world.settle(1)

    seen = await days.seen()
    assert seen["state"] == ("breached" if expected else "ok")
    assert seen["expected"] == (pytest.approx(expected) if expected else None)


async def test_a_target_for_all_days_that_there_are_is_one(world, days):
    await world.kpi(targets=[{"from": "0001-01-01", "to": "9999-12-31", "value": 1}])
    await world.report(0.01)
    await world.monitor(OFF_TRACK)

    assert await world.state() == "breached"  # 1900 to 2200: 42 % are over


async def test_a_count_of_the_month_begins_with_none(world, days):
    """30 in November, 22 days over: 22 are on pace, however many October had."""
    world.api.clock.set(FIRST + 22 * DAY)
    await world.kpi(COUNT, targets=[NOVEMBER | {"value": 30}])
    await days.stored(world.received(at=FIRST - place * HOUR) for place in range(1, 26))
    await days.stored(world.received(at=FIRST + (place + 1) * DAY) for place in range(20))
    await world.monitor(OFF_TRACK, window="month")
    seen = await days.seen()
    assert (seen["state"], seen["value"], seen["expected"]) == ("ok", 20, pytest.approx(22))

    await world.tick(2 * DAY)

    assert (await days.seen())["state"] == "breached"


async def test_a_day_begins_at_midnight_and_with_nothing(world, days):
    world.api.clock.set(days.today + 23 * HOUR + 50 * MINUTE)
    await world.kpi(COUNT)
    made = await world.monitor(HIGH, window="day")
    assert made["window"] == "day"
    await world.hear(*(world.received(at=days.today + hour * HOUR) for hour in (1, 2, 3)))
    await days.stored([world.received(at=days.today - MINUTE)])
    await world.settle(1)
    assert (await days.seen())["value"] == 3
    assert await world.state() == "breached"
    assert (await world.status())["value"] == 3

    await world.settle((days.today + DAY - world.now).total_seconds() - 1)
    assert await world.state() == "breached"
    await world.settle(1)

    assert (await world.state(), (await days.seen())["value"]) == ("ok", 0)


@pytest.mark.parametrize("window", ["day", "week", "month"])
async def test_the_latest_that_was_reported_in_a_period_counts_from_its_first_moment(world, days, window):
    first = {"day": days.today, "week": days.today - 6 * DAY, "month": days.today.replace(day=1)}[window]
    await world.kpi()
    await world.report(1, first - MINUTE)
    await world.monitor(HIGH, window=window)
    assert (await days.seen())["value"] is None
    await world.report(5, first)
    await world.settle(1)

    assert (await days.seen())["value"] == 5
    assert await world.state() == "breached"


async def test_a_window_becomes_a_period_and_back(world):
    await world.kpi(COUNT)
    monitor = await world.monitor(HIGH, window="PT1H")
    path = f"/v1/kpis/k/monitors/{monitor['id']}"

    for window in ("week", "PT2H", "day"):
        answer = await world.send("PATCH", path, json={"window": window})
        assert answer.json()["window"] == window

    anomaly = {"condition": {"type": "anomaly"}}
    assert (await world.send("PATCH", path, json=anomaly)).status_code == 422
    changed = (await world.send("PATCH", path, json=anomaly | {"window": None})).json()
    assert (changed["window"], changed["condition"]["interval"]) == (None, "day")
    back = {"condition": HIGH, "window": "P1D"}
    assert (await world.send("PATCH", path, json=back)).json()["condition"] == HIGH


async def test_a_kpi_whose_monitors_could_not_watch_it_keeps_its_measure(world):
    await world.kpi(key="a")
    await world.kpi(COUNT)
    await world.monitor({"type": "anomaly", "interval": "hour"})
    measure = {"type": "formula", "formula": "a", "of": {"a": "a"}}

    answer = await world.send("PATCH", "/v1/kpis/k", json={"measure": measure})

    assert answer.status_code == 409
    assert "by day" in answer.json()["detail"]


COUNTED = Measure((Selection("feedback.received", Aggregate.COUNT),))
SHARED = Measure((Selection("feedback.received", Aggregate.SHARE),))
SUMMED = Measure((Selection("feedback.received", Aggregate.SUM, "data.rating"),))


@pytest.mark.parametrize(
    ("measure", "condition", "pointer"),
    [
        (COUNTED, Condition("change", "lt", -20.0), "/condition/value"),  # meant are 20 %
        (COUNTED, Condition("change", "le", -1.1), "/condition/value"),
        (COUNTED, Condition("change", "lt", -1.0), "/condition/value"),
        (Measure((*COUNTED.parts, *SHARED.parts)), Condition("change", "lt", -2.0), "/condition/value"),
        (COUNTED, Condition("change", "le", -1.0), None),  # from something to nothing
        (COUNTED, Condition("change", "gt", -20.0), None),
        (SUMMED, Condition("change", "lt", -20.0), None),  # sums may be below 0
        (Measure(), Condition("change", "lt", -20.0), None),
        (COUNTED, Condition("threshold", "lt", -20.0), None),
        (Measure(), Condition("off_track", value=0.1), "/condition/type"),
    ],
)
def test_what_can_never_be_is_not_watched_for(measure, condition, pointer):
    kpi = Definition(uuid4(), "k", "A KPI", unit=None, target=5, measure=measure)
    with nullcontext() if pointer is None else pytest.raises(Invalid) as refused:
        require_possible(kpi, condition)
    assert pointer is None or [each.pointer for each in refused.value.errors] == [pointer]


async def test_targets_come_before_who_watches_whether_they_are_reached(world):
    await world.kpi(target=5)
    refused = await world.send("POST", "/v1/kpis/k/monitors", json={"condition": OFF_TRACK})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/condition/type")

    days = [{"from": "2026-11-01", "to": "2026-11-30", "value": 10}]
    assert (await world.send("PATCH", "/v1/kpis/k", json={"targets": days})).status_code == 200
    await world.monitor(OFF_TRACK)
