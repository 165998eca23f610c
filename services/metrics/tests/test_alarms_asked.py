"""Changes of what is measured from time to time, an insight or a formula: one value a period is kept of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import Measured
from services.metrics.tests.days import COUNT, DAY, HOUR, MINUTE, Days

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
TODAY = datetime(2026, 11, 25, tzinfo=UTC)
FIFTH_LESS = {"type": "change", "operator": "le", "value": -0.2}
TREND = {"name": "n", "kind": "trends", "query": {"series": [{"event": "Paid"}]}}


@pytest.fixture
def days(world) -> Days:
    world.api.clock.set(NOON)
    return Days(world)


async def kept(world, kpi, start, length, at, value):
    """Keep what a KPI came to in the period that begins at `start`."""
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await periods.put(session, kpi["id"], [Measured(start, start + length, at, value)])


async def asking(world, **fields):
    """Define a KPI of a number that nothing divides, so that no event store is asked what explains it."""
    insight = await world.post("/v1/insights", TREND)
    return await world.kpi({"type": "insight", "insight_id": insight["id"], "path": "series.0.values.last"}, **fields)


async def seen(days):
    found = await days.seen()
    return found["state"], found["value"], found["expected"]


@pytest.mark.parametrize("window", ["day", "P1D"])
async def test_a_day_of_an_insight_is_compared_with_what_the_day_before_came_to(days, window):
    world = days.world
    kpi = await asking(world)
    await kept(world, kpi, TODAY - 2 * DAY, DAY, TODAY - DAY, 500)
    await kept(world, kpi, TODAY - DAY, DAY, TODAY, 100)
    await kept(world, kpi, TODAY, DAY, NOON - MINUTE, 81)
    await world.monitor(FIFTH_LESS, window=window)
    assert await seen(days) == ("ok", 81, 100)

    await kept(world, kpi, TODAY, DAY, NOON, 80)
    await world.tick(5 * MINUTE)

    assert await seen(days) == ("breached", 80, 100)
    [breached] = await world.told("kpi.breached")
    assert (breached.data["value"], breached.data["expected"]) == (80, 100)


@pytest.mark.parametrize(
    ("period", "start", "length"), [("week", TODAY - 2 * DAY, 7 * DAY), ("month", TODAY.replace(day=1), 30 * DAY)]
)
async def test_so_are_weeks_and_months(days, period, start, length):
    world = days.world
    kpi = await asking(world, period=period)
    before = start - (length if period == "week" else 31 * DAY)
    await kept(world, kpi, before, start - before, start, 100)
    await kept(world, kpi, start, length, NOON, 70)

    await world.monitor(FIFTH_LESS, window=period)

    assert await seen(days) == ("breached", 70, 100)


async def test_by_the_week_a_day_is_compared_with_the_same_of_the_week_before(days):
    world = days.world
    kpi = await asking(world)
    for back, value in ((8, 900), (7, 100), (6, 900), (1, 900)):
        await kept(world, kpi, TODAY - back * DAY, DAY, TODAY - (back - 1) * DAY, value)
    await kept(world, kpi, TODAY, DAY, NOON, 70)

    await world.monitor(FIFTH_LESS, window="week")

    assert await seen(days) == ("breached", 70, 100)


@pytest.mark.parametrize("window", ["day", "P1D"])
async def test_a_formula_that_adds_up_is_compared_with_as_much_of_the_day_before(days, window):
    """Until noon there were four yesterday, and ten in all; today five: no fall, though it is half of a whole day."""
    world = days.world
    await world.kpi(COUNT, key="a")
    await world.kpi({"type": "formula", "formula": "a * 1", "of": {"a": "a"}})
    yesterday = TODAY - DAY
    await days.stored(world.received(at=yesterday + hour * HOUR) for hour in (1, 2, 3, 12, *[20] * 6))
    await days.stored(world.received(at=TODAY + hour * HOUR) for hour in (1, 2, 3, 4, 5))
    await world.recur()
    await world.monitor(FIFTH_LESS, window=window)
    assert await seen(days) == ("ok", 5, 4)

    for minutes in range(0, 8 * 60 + 2, 60):  # at 20:01 there were ten
        world.api.clock.set(NOON + (minutes + 1) * MINUTE)
        await world.recur()
        await world.tick(1)

    assert await seen(days) == ("breached", 5, 10)


async def test_a_formula_of_an_insight_takes_what_that_came_to(days):
    """100 for each of yesterday's four; today 70 for each of four."""
    world = days.world
    insight = await asking(world, key="i")
    await world.kpi(COUNT, key="n")
    kpi = await world.kpi({"type": "formula", "formula": "i / n", "of": {"i": "i", "n": "n"}})
    await days.stored(world.received(at=at + HOUR) for at in (TODAY - DAY, TODAY) for _ in range(4))
    await kept(world, insight, TODAY - DAY, DAY, TODAY, 400)
    await kept(world, kpi, TODAY, DAY, NOON, 70)

    await world.monitor(FIFTH_LESS, window="day")

    assert await seen(days) == ("breached", 70, 100)


async def test_without_a_value_before_there_is_no_change(days):
    world = days.world
    kpi = await asking(world)
    await kept(world, kpi, TODAY, DAY, NOON, 80)
    await world.monitor(FIFTH_LESS, window="day")

    assert await seen(days) == ("ok", 80, None)


@pytest.mark.parametrize(
    ("period", "body", "pointer"),
    [
        ("week", {"condition": {"type": "anomaly"}}, "/condition"),
        ("month", {"condition": FIFTH_LESS, "window": "week"}, "/window"),
        ("day", {"condition": FIFTH_LESS, "window": "PT12H"}, "/window"),
        ("day", {"condition": FIFTH_LESS, "window": "day", "min_count": 2}, "/min_count"),
    ],
)
async def test_what_could_never_fire_is_refused(days, period, body, pointer):
    await asking(days.world, period=period)

    problem = await days.world.post("/v1/kpis/k/monitors", body, 422)

    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_another_period_starts_monitors_anew_or_is_refused(days):
    world = days.world
    kpi = await asking(world)
    await kept(world, kpi, TODAY, DAY, NOON, 7)
    monitor = await world.monitor({"type": "threshold", "operator": "ge", "value": 5})
    anomaly = await world.monitor({"type": "anomaly"})
    assert await world.state() == "breached"

    refused = await world.send("PATCH", "/v1/kpis/k", json={"period": "week"})
    assert (refused.status_code, "one value is kept for each week" in refused.json()["detail"]) == (409, True)
    await world.send("DELETE", f"/v1/kpis/k/monitors/{anomaly['id']}")
    changed = await world.send("PATCH", "/v1/kpis/k", json={"period": "week"})

    assert changed.status_code == 200
    [recovered] = await world.told("kpi.recovered")
    assert (recovered.data["monitor_id"], recovered.data["reason"]) == (monitor["id"], "changed")


async def test_a_monitor_that_could_never_fire_can_still_be_switched_off(days):
    """Made before that was refused: whoever changes something else of it is not asked."""
    world = days.world
    await asking(world)
    monitor = await world.monitor({"type": "anomaly"})
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("UPDATE kpi SET period = 'week'"))

    path = f"/v1/kpis/k/monitors/{monitor['id']}"
    answers = [await world.send("PATCH", path, json=body) for body in ({"enabled": False}, {"min_count": 1})]

    assert [answer.status_code for answer in answers] == [200, 422]
