"""Which monitors an event wakes, and which time."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import text

from opsloop_metrics.alarms.rules import holds
from services.metrics.tests.test_monitors_evaluation import COUNT, SHARE, at_least


async def test_only_those_look_whose_value_an_event_can_change(world):
    severe = COUNT | {"where": [{"field": "data.severity", "op": "eq", "value": "s1"}]}
    for key, measure in (("all", COUNT), ("severe", severe), ("share", SHARE)):
        await world.kpi(measure, key=key)
        await world.monitor(at_least(1), key=key, window="PT1H")
    await world.settle(2)  # a new monitor looks once more
    looks = {key: await evaluated_at(world, key) for key in ("all", "severe", "share")}

    await world.hear(world.received("s4"))

    again = {key for key, at in looks.items() if await evaluated_at(world, key) > at}
    assert again == {"all", "share"}

    await world.hear(world.received("s1"))

    assert await world.state("severe") == "breached"


async def test_time_makes_those_look_whose_threshold_can_be_crossed_and_the_others_a_few_times_a_window(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(100), window="PT1H")
    await world.monitor(at_least(2), window="PT1H")
    began = world.now
    await world.hear(*[world.received(at=began - timedelta(minutes=59) + timedelta(seconds=3 * n)) for n in range(60)])
    await world.settle(2)
    high, low = [monitor["id"] for monitor in (await world.get("/v1/kpis/k/monitors"))["items"]][::-1]

    assert await waiting(world) == {high: 0, low: 1}
    await world.settle(235)

    looks = [(await world.get(f"/v1/kpis/k/monitors/{each}/evaluations", limit=200))["items"] for each in (high, low)]
    crossed_at = began + timedelta(minutes=1, seconds=3 * 58)
    assert looks[1][0]["at"] == crossed_at.isoformat().replace("+00:00", "Z")
    assert (looks[1][0]["state"], looks[1][0]["value"]) == ("ok", 1)
    assert (looks[1][1]["state"], looks[1][1]["value"]) == ("breached", 2)
    assert len(looks[0]) < 10, "60 left"


async def waiting(world):
    async with world.api.db.transaction() as session:
        rows = await session.execute(text("SELECT key, priority FROM due WHERE kind = 'metrics.evaluate'"))
        return {row.key: row.priority for row in rows}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
async def test_at_each_moment_each_monitor_says_what_its_window_says(world, seed):
    """However few looks there are: many conditions on a random stream, against counting anew each half second."""
    chance = random.Random(seed)
    rated = {"type": "events", "event": "feedback.received", "property": "data.rating"}
    measures = {
        "count": COUNT,
        "share": SHARE,
        "avg": rated | {"aggregate": "avg"},
        "sum": rated | {"aggregate": "sum"},
    }
    bounds = {
        "count": range(0, 40, 7),
        "share": (0.2, 0.4, 0.5, 0.8),
        "avg": (2, 2.9, 3.1, 4),
        "sum": range(0, 120, 25),
    }
    watched = {}
    for key, measure in measures.items():
        await world.kpi(measure, key=key)
        for bound in bounds[key]:
            condition = at_least(bound, chance.choice(["lt", "le", "gt", "ge"]))
            made = await world.monitor(condition, key=key, window="PT20S", min_count=1)
            watched[made["id"]] = (key, condition)
    await world.settle(2)
    heard = []

    for _ in range(25):
        if chance.random() < 0.6:
            told = [
                (chance.choice(["s1", "s4"]), chance.choice([1, 2, 3, 4, 5, None])) for _ in range(chance.randrange(9))
            ]
            heard += [(world.now, severity, rating) for severity, rating in told]
            if told:
                await world.hear(*[world.received(severity, rating=rating) for severity, rating in told])
        await world.settle(chance.choice([0.5, 1, 1.5, 3]))

        said = {
            monitor["id"]: monitor["state"] for key in measures for monitor in (await world.status(key))["monitors"]
        }
        inside = [event for event in heard if world.now - timedelta(seconds=20) < event[0] <= world.now]
        for monitor_id, (key, condition) in watched.items():
            value = counted(key, inside)
            if value is not None:  # else it says what it said
                expected = "breached" if holds(value, condition["operator"], condition["value"]) else "ok"
                assert said[monitor_id] == expected, (key, condition, value)


def counted(key, inside):
    ratings = [rating for _, _, rating in inside if rating is not None]
    match key:
        case "count":
            return len(inside)
        case "share":
            return sum(severity == "s1" for _, severity, _ in inside) / len(inside) if inside else None
        case "avg":
            return sum(ratings) / len(ratings) if ratings else None
    return sum(ratings)


async def evaluated_at(world, key):
    (monitor,) = (await world.status(key))["monitors"]
    return (await world.get(f"/v1/kpis/{key}/monitors/{monitor['id']}/evaluations"))["items"][0]["at"]
