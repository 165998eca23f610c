"""Changes against the window before, over HTTP."""

from __future__ import annotations

import pytest

from services.metrics.tests.days import COUNT, DAY, HOUR, MINUTE, Days

FIFTH_LESS = {"type": "change", "operator": "le", "value": -0.2}


@pytest.fixture
def days(world) -> Days:
    return Days(world)


async def test_a_fall_is_told_and_ends_at_the_instants_at_which_events_leave_the_two_windows(world, days):
    """10 and then 9; 13 and 6 when three are an hour old; 3 and 6 when the ten are two hours old."""
    await world.kpi(COUNT)
    for count, minutes in ((10, 70), (3, 50), (6, 5)):
        await days.stored(world.received(at=world.now - minutes * MINUTE) for _ in range(count))
    made = await world.monitor(FIFTH_LESS, window="PT1H")
    assert made["condition"] == FIFTH_LESS
    seen = await days.seen()
    assert (seen["state"], seen["value"], seen["expected"]) == ("ok", 9, 10)

    await world.settle(10 * 60 - 1)
    assert await world.state() == "ok"
    await world.settle(1)

    assert await world.state() == "breached"
    [breached] = await world.told("kpi.breached")
    assert {name: breached.data[name] for name in ("condition", "value", "expected", "threshold", "operator")} == {
        "condition": "change",
        "value": 6,
        "expected": 13,
        "threshold": None,
        "operator": None,
    }
    [breach] = (await world.get("/v1/breaches"))["items"]
    assert (breach["type"], breach["operator"], breach["threshold"]) == ("change", "le", -0.2)
    assert (breach["expected"], breach["words"]) == (13, None)
    await world.settle(40 * 60 - 1)
    assert await world.state() == "breached"
    await world.settle(1)
    assert await world.state() == "ok"
    assert len(await world.told("kpi.recovered")) == 1


@pytest.mark.parametrize("before", [None, 0])
async def test_against_nothing_there_is_no_change(world, days, before):
    await world.kpi()
    if before is not None:
        await world.report(before, world.now - 90 * MINUTE)
    await world.report(1000, world.now - MINUTE)
    await world.monitor({"type": "change", "operator": "ge", "value": 0}, window="PT1H")

    seen = await days.seen()
    assert (seen["state"], seen["value"], seen["expected"]) == ("ok", 1000, before)


async def test_few_samples_on_either_side_raise_no_alarm(world, days):
    await world.kpi(COUNT)
    await days.stored(world.received(at=world.now - 90 * MINUTE) for _ in range(4))
    await days.stored(world.received() for _ in range(3))
    await world.monitor(FIFTH_LESS, window="PT1H", min_count=4)
    await world.monitor(FIFTH_LESS, window="PT1H", min_count=3)

    assert {one["state"] for one in (await world.status())["monitors"]} == {"ok", "breached"}


async def test_the_running_day_is_compared_with_as_much_of_yesterday(world, days):
    """At 08:00, two of yesterday's five had come; the third came at 09:00."""
    await world.kpi(COUNT)
    yesterday = days.today - DAY
    await days.stored(world.received(at=yesterday + hour * HOUR) for hour in (2, 7, 9, 12, 20))
    await days.stored(world.received(at=days.today + hour * HOUR) for hour in (3, 4))
    await world.monitor(FIFTH_LESS, window="day")
    seen = await days.seen()
    assert (seen["state"], seen["value"], seen["expected"]) == ("ok", 2, 2)

    await world.settle(60 * 60 - 1)
    assert await world.state() == "ok"
    await world.settle(1)

    seen = await days.seen()
    assert (seen["state"], seen["value"], seen["expected"]) == ("breached", 2, 3)
    await world.hear(world.received())
    assert await world.state() == "ok"


async def test_reported_values_change_too(world, days):
    await world.kpi()
    await world.report(10, world.now - 90 * MINUTE)
    await world.report(7.9, world.now)
    await world.monitor(FIFTH_LESS, window="PT1H")

    [breached] = await world.told("kpi.breached")
    assert (breached.data["value"], breached.data["expected"]) == (7.9, 10)
