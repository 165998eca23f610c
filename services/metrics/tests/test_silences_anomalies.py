"""Anomalies that come while nobody is to be told."""

import pytest

from services.metrics.tests.days import DAY, Days, usual


@pytest.mark.parametrize(("next_day", "told"), [(410, 1), (None, 0)])
async def test_an_anomaly_of_maintenance_is_told_if_the_next_day_is_one_too(world, next_day, told):
    """A day is judged once: what lasts is what the day after the silence says."""
    world.api.clock.set(world.now.replace(day=24))
    days = Days(world)
    await world.kpi()
    await days.kept(70)
    monitor = await world.monitor({"type": "anomaly"})
    until = days.today + 1.5 * DAY
    mute = {"until": until.isoformat()}
    assert (await world.send("PUT", f"/v1/kpis/k/monitors/{monitor['id']}/mute", json=mute)).status_code == 201

    assert await days.over(412) == "pending"
    assert await world.told() == []

    state = await days.over(next_day or usual(days.today))
    assert (state, len(await world.told("kpi.breached"))) == ("breached" if told else "ok", told)
