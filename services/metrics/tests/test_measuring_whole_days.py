"""What is known of intervals that are over: it is a value of the period in which they were, and of none that runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import RootModel

from opsloop_common.db import clock_of, ports_of
from opsloop_metrics.measuring.rules import over_at
from opsloop_metrics.ports import Insight, MetricsPorts
from services.metrics.tests.kept_questions import Question

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
FIRST = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
COUNTS = [17, 8, 3, 5]
"""Of the days from the 24th on."""
ANSWER = {"intervals": ["2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"], "dau": [17, 8]}


@pytest.mark.parametrize(
    ("path", "running", "until"),
    [
        ("dau.last", 1, NOON.replace(hour=0)),
        ("dau.last", 0, FIRST),
        ("dau.last", None, NOON),
        ("dau.-1", 1, None),
        ("total", 1, None),
    ],
)
def test_last_is_an_interval_that_is_over(path, running, until):
    assert over_at(ANSWER | {"incomplete_from": running}, path, NOON) == until


def test_what_has_no_intervals_counts_up_to_the_moment():
    assert over_at({"steps": [1]}, "steps.last", NOON) is None


async def _by_day(session, query):
    """Answer as active users do: a number for each day, the last of them not over yet."""
    now = clock_of(session).now()
    days = [FIRST + place * DAY for place in range(len(COUNTS)) if FIRST + place * DAY < now]
    running = None if days[-1] + DAY == now else len(days) - 1
    return {
        "intervals": [day.isoformat() for day in days], "dau": COUNTS[: len(days)], "incomplete_from": running,
    }  # fmt: skip


@pytest.fixture
def world(world):
    """Return a world in which it is noon of the 25th, and active users are counted day by day."""
    shown = RootModel[dict].model_validate
    by_day = Insight(Question, _by_day, shown, lambda found: ((), ()))
    ports_of(world.api.db, MetricsPorts).insights["active-users"] = by_day
    world.api.clock.set(NOON)
    return world


async def define(world, period="day", **measure):
    insight = await world.post("/v1/insights", {"name": "Active", "kind": "active-users", "query": {}})
    measure = {"type": "insight", "insight_id": insight["id"]} | measure
    await world.post("/v1/kpis", {"key": "k", "name": "Active", "period": period, "measure": measure})


async def standing(world, key="k"):
    """Return (value, error, [(day, hour as of, value)]) of a KPI."""
    kpi = await world.get(f"/v1/kpis/{key}")
    points = [(point["starts_at"][8:10], point["at"][8:13], point["value"]) for point in kpi["series"]]
    return kpi["value"], kpi["measure_error"], points


async def test_a_day_that_runs_has_no_value_of_the_day_before(world):
    """At noon of the 25th it is the 24th that is known; the 25th has its value when it is over, and no day has another's."""
    await define(world)
    twice = {"type": "formula", "formula": "a * 2", "of": {"a": "k"}}
    await world.kpi(twice, key="twice")
    low = {"type": "threshold", "operator": "lt", "value": 10}
    await world.post("/v1/kpis/k/monitors", {"condition": low})
    for moment in (NOON, NOON + QUARTER, MIDNIGHT - QUARTER):
        world.api.clock.set(moment)
        await world.recur()
        assert await standing(world) == (17, None, [("24", "25T00", 17)])
        assert await standing(world, "twice") == (34, None, [("24", "25T00", 34)])
        await world.tick(1)
    assert (await world.get("/v1/kpis/k"))["state"] == "ok"

    for moment in (MIDNIGHT, MIDNIGHT + QUARTER):
        world.api.clock.set(moment)
        await world.recur()
        assert await standing(world) == (8, None, [("24", "25T00", 17), ("25", "26T00", 8)])
        assert await standing(world, "twice") == (16, None, [("24", "25T00", 34), ("25", "26T00", 16)])
    await world.tick(1)
    assert (await world.get("/v1/kpis/k"))["state"] == "breached"


async def test_a_week_that_runs_has_the_newest_of_its_days(world):
    """Monday is the 23rd: the week has the value of the 24th at noon of the 25th, and a day later that of the 25th."""
    await define(world, period="week")
    await world.recur()
    assert await standing(world) == (17, None, [("23", "25T12", 17)])

    world.api.clock.advance(DAY)
    await world.recur()
    assert await standing(world) == (8, None, [("23", "26T12", 8)])


async def test_the_day_that_runs_may_be_asked_for(world):
    await define(world, path="dau.-1")
    await world.recur()

    assert await standing(world) == (8, None, [("25", "25T12", 8)])
