"""Anomalies, and times in which nobody is to be told: what lasts is told at once, and maintenance is neither judged nor learnt from."""

from datetime import timedelta

import pytest

from services.metrics.tests.days import COUNT, DAY, HOUR, MINUTE, Days, usual

ANOMALY = {"type": "anomaly"}
WINDOWS = "/v1/maintenance-windows"


@pytest.fixture
def days(world):
    world.api.clock.set(world.now.replace(day=24))
    return Days(world)


async def mute(world, monitor, until):
    path = f"/v1/kpis/k/monitors/{monitor['id']}/mute"
    assert (await world.send("PUT", path, json={"until": until.isoformat()})).status_code == 201
    return path


async def maintain(world, start, end, **fields):
    body = {"name": "Migration", "starts_at": start.isoformat(), "ends_at": end.isoformat()} | fields
    return await world.post(WINDOWS, body)


@pytest.mark.parametrize("how", ["waits", "unmutes", "reports"])
async def test_an_anomaly_that_stands_is_told_when_the_silence_is_over(world, days, how):
    await world.kpi()
    await days.kept(70)
    monitor = await world.monitor(ANOMALY)
    midnight = days.today + DAY
    path = await mute(world, monitor, midnight + 12 * HOUR)
    assert await days.over(412) == "pending"
    await world.tick(3 * HOUR)
    assert (await world.state(), await world.told()) == ("pending", [])

    if how == "unmutes":
        assert (await world.send("DELETE", path)).status_code == 204
        await world.settle(1)
    else:
        if how == "reports":
            await world.report(5)
        world.api.clock.set(midnight + 12 * HOUR)
        await world.settle(1)

    [breached] = await world.told("kpi.breached")
    [detected] = await world.told("kpi.anomaly_detected")
    shown = midnight.isoformat().replace("+00:00", "Z")
    assert (await world.state(), breached.data["value"], breached.data["started_at"]) == ("breached", 412, shown)
    assert detected.data["at"] == (midnight - DAY).isoformat().replace("+00:00", "Z")
    await world.settle(900)
    assert len(await world.told("kpi.anomaly_detected")) == 1, "and once"


async def test_what_is_usual_again_before_the_silence_is_over_was_never_told(world, days):
    await world.kpi()
    await days.kept(70)
    monitor = await world.monitor(ANOMALY)
    await mute(world, monitor, days.today + 2.5 * DAY)
    assert await days.over(412) == "pending"
    assert await days.over(usual(days.today)) == "ok"

    await world.tick(2 * DAY)

    assert await world.told() == []


async def test_what_has_not_lasted_long_enough_goes_on_waiting_after_the_silence(world, days):
    await world.kpi()
    await days.kept(70)
    monitor = await world.monitor(ANOMALY, **{"for": "P1D"})
    await mute(world, monitor, days.today + DAY + 2 * HOUR)
    assert await days.over(412) == "pending"
    await world.tick(3 * HOUR)
    assert (await world.state(), await world.told()) == ("pending", [])

    assert await days.over(410) == "breached"


async def test_a_day_of_maintenance_is_neither_judged_nor_learnt_from(world, days):
    """The shop is closed for three hours: the day comes to a third, and the next is judged as if it had not been."""
    await world.kpi(tags=["shop"])
    await world.kpi(key="other")
    await days.kept(70)
    await world.monitor(ANOMALY)
    for closed in (days.today, days.today + DAY):
        await maintain(world, closed + 2 * HOUR, closed + 5 * HOUR, tags=["shop"])

    assert [await days.over(200) for _ in range(2)] == ["ok", "ok"]
    assert await world.told() == []
    assert await days.over(usual(days.today)) == "ok"
    after = await days.seen()
    assert after["value"] == usual(days.today - DAY)

    assert await days.over(200) == "breached"


async def test_maintenance_of_others_changes_nothing(world, days):
    await world.kpi()
    await world.kpi(key="other")
    await days.kept(70)
    await world.monitor(ANOMALY)
    await maintain(world, days.today + 2 * HOUR, days.today + 5 * HOUR, kpis=["other"])

    assert await days.over(200) == "breached"


async def test_what_recurs_is_part_of_what_is_usual(world, days):
    """An hour each night is in every day: days are judged all the same."""
    every = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    start = days.today - 70 * DAY + 2 * HOUR
    await world.kpi()
    await days.kept(70)
    await world.monitor(ANOMALY)
    await maintain(world, start, start + HOUR, repeats_on=every)

    assert await days.over(200) == "breached"


async def test_hours_of_maintenance_are_left_out_each_night(world, days):
    """Ten an hour until tonight, and nothing from 2 on: until 4 that is maintenance, and then it is not."""
    await world.kpi(COUNT)
    start = days.today - 20 * DAY
    await days.stored(
        world.received(at=start + place * HOUR + (number + 1) * MINUTE)
        for place in range(20 * 24 + 2)
        for number in range(10 + place % 2)
    )
    every = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    await maintain(world, start + 2 * HOUR, start + 4 * HOUR, repeats_on=every)
    world.api.clock.set(days.today + HOUR + timedelta(seconds=61))
    await world.monitor({"type": "anomaly", "interval": "hour", "direction": "down"})
    assert (await days.seen())["value"] == 10

    states = []
    for hour in (2, 3, 4):
        world.api.clock.set(days.today + (hour + 1) * HOUR + timedelta(seconds=61))
        await world.tick()
        states.append(await world.state())
    assert states == ["ok", "ok", "breached"], "at 4 the shop is open, and nobody comes"


async def test_an_alarm_that_stands_outlives_maintenance_until_a_day_says_otherwise(world, days):
    await world.kpi()
    await days.kept(70)
    await world.monitor(ANOMALY)
    assert await days.over(200) == "breached"
    await maintain(world, days.today, days.today + DAY)

    assert await days.over(210) == "breached"
    assert len(await world.told("kpi.anomaly_detected")) == 1
    assert await days.over(usual(days.today)) == "ok"
