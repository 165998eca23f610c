"""An evaluation that fails, however often."""

import pytest

from opsloop_common import failpoints


async def test_a_monitor_of_reported_values_whose_evaluation_failed_50_times_fires_once_the_fault_is_gone(
    world, monkeypatch
):
    """Nothing but its own row makes such a monitor look: given up after some tries, it would stay silent for ever."""
    await world.kpi()
    await world.monitor({"type": "threshold", "operator": "ge", "value": 3})
    await world.report(5)
    monkeypatch.setenv(failpoints.VARIABLE, "due.metrics.evaluate:raise:50")
    for _ in range(50):
        await world.to_next_try()
        with pytest.raises(failpoints.Struck):
            await world.tick()
    assert await world.state() == "ok"

    await world.to_next_try()
    await world.tick()

    assert await world.state() == "breached"
    assert len(await world.told("kpi.breached")) == 1


async def test_a_new_value_is_looked_at_at_once_however_long_the_last_try_put_the_next_one_off(world, monkeypatch):
    await world.kpi()
    await world.monitor({"type": "threshold", "operator": "ge", "value": 3})
    await world.report(5)
    monkeypatch.setenv(failpoints.VARIABLE, "due.metrics.evaluate:raise:8")
    for _ in range(8):
        await world.to_next_try()
        with pytest.raises(failpoints.Struck):
            await world.tick()

    await world.report(6)
    await world.tick(1)

    assert await world.state() == "breached"
