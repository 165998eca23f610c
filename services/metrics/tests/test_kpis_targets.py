"""When a KPI's target is reached: by the value that the board shows, of the period that the KPI has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.metrics.tests.days import COUNT, DAY, HOUR, MINUTE

TODAY = datetime(2026, 11, 24, tzinfo=UTC)
SHARE = COUNT | {"aggregate": "share", "where": [{"field": "data.severity", "op": "eq", "value": "s1"}]}
HIGH = {"type": "threshold", "operator": "ge", "value": 100}


@pytest.fixture
def world(world):
    world.api.clock.set(TODAY + 8 * HOUR)
    return world


async def measured(world, at):
    """Let the KPIs be measured at a time."""
    world.api.clock.set(at)
    await world.recur()


async def reached(world):
    """Return (value, target) each time that a target was reached."""
    return [(event.data["value"], event.data["target"]) for event in await world.told("kpi.target_reached")]


@pytest.mark.parametrize("window", [None, "P7D", "PT1M"])
async def test_a_target_of_the_day_is_reached_by_the_day(world, window):
    """Three a day: however many came this week, and however short the time is that somebody watches."""
    await world.kpi(COUNT, target=3)
    if window:
        await world.monitor(HIGH, window=window)
    await world.hear_now(*(world.received(at=TODAY - HOUR) for _ in range(9)), world.received(), world.received())
    await measured(world, TODAY + 9 * HOUR)
    assert await reached(world) == []
    assert (await world.get("/v1/kpis/k"))["progress"] == 2 / 3

    await world.hear_now(world.received(), world.received())
    for minutes in range(3):
        await measured(world, TODAY + 9 * HOUR + minutes * MINUTE + MINUTE)

    assert await reached(world) == [(4, 3)]


async def test_each_day_has_its_own_crossing_and_the_last_minute_counts(world):
    await world.kpi(COUNT, target=2)
    for day in (TODAY, TODAY + DAY):
        await measured(world, day + 23 * HOUR)
        await measured(world, day + DAY - MINUTE / 2)
        await world.hear_now(world.received(), world.received())
        await measured(world, day + DAY)

    assert await reached(world) == [(2, 2), (2, 2)]


async def test_a_day_that_is_over_is_held_against_its_own_target(world):
    of_days = [{"from": "2026-11-24", "to": "2026-11-24", "value": 2}]
    await world.kpi(COUNT, target=50, targets=of_days)
    await measured(world, TODAY + DAY - MINUTE / 2)
    await world.hear_now(world.received(), world.received())

    await measured(world, TODAY + DAY)

    assert await reached(world) == [(2, 2)]


async def test_a_count_downwards_says_so_when_the_day_is_over(world):
    """At most two: none at midnight is no news, two at the end of the day are."""
    await world.kpi(COUNT, target=2, direction="down")
    await world.hear_now(*(world.received() for _ in range(5)))
    await measured(world, TODAY + 23 * HOUR)
    await measured(world, TODAY + DAY)
    await measured(world, TODAY + DAY + MINUTE)
    assert await reached(world) == []

    await world.hear_now(world.received(), world.received())
    await measured(world, TODAY + 2 * DAY - MINUTE)
    assert await reached(world) == []
    await measured(world, TODAY + 2 * DAY)

    assert await reached(world) == [(2, 2)]


async def test_a_share_downwards_says_so_while_the_day_runs(world):
    await world.kpi(SHARE, target=0.5, direction="down")
    await world.hear_now(world.received(), world.received())
    await measured(world, TODAY + 9 * HOUR)
    assert await reached(world) == []

    await world.hear_now(world.received(severity="s4"), world.received(severity="s4"))
    await measured(world, TODAY + 10 * HOUR)

    assert await reached(world) == [(0.5, 0.5)]


async def test_what_was_counted_back_is_no_news_and_what_runs_is(world):
    """Yesterday's nine were before anybody asked."""
    await world.hear_now(*(world.received(at=TODAY - HOUR) for _ in range(9)), *(world.received() for _ in range(5)))
    await world.kpi(COUNT, target=4)

    await world.recur()

    assert await reached(world) == [(5, 4)]


async def test_a_value_dated_ahead_reaches_the_target_when_its_time_comes(world):
    await world.kpi(target=3)
    await world.report(5, world.now + 2 * MINUTE)
    assert await reached(world) == []

    await measured(world, world.now + timedelta(minutes=3))

    assert await reached(world) == [(5, 3)]


async def test_another_period_is_another_crossing(world):
    await world.kpi(COUNT, target=1)
    await world.hear_now(world.received())
    await measured(world, TODAY + 9 * HOUR)

    await world.send("PATCH", "/v1/kpis/k", json={"period": "week"})
    await measured(world, TODAY + 10 * HOUR)

    assert await reached(world) == [(1, 1), (1, 1)]
