"""Which monitors an event wakes."""

from __future__ import annotations

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


async def evaluated_at(world, key):
    (monitor,) = (await world.status(key))["monitors"]
    return (await world.get(f"/v1/kpis/{key}/monitors/{monitor['id']}/evaluations"))["items"][0]["at"]
