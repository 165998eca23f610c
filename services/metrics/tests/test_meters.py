"""What `/metrics` says of evaluations and incidents."""

from opsloop_metrics.breaches.timers import show_open_incidents

HIGH = {"type": "threshold", "operator": "ge", "value": 2}


async def scraped(world):
    """Return the samples of the service's own page, by name and labels as they are written there."""
    page = (await world.api.client.get("/metrics")).text
    lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def test_evaluations_are_counted_by_the_state_they_lead_to(world):
    assert (await scraped(world))['opsloop_evaluations_total{state="breached"}'] == 0
    await world.kpi()
    await world.monitor(HIGH)
    await world.report(3)
    await world.tick(1)

    found = await scraped(world)

    assert found['opsloop_evaluations_total{state="breached"}'] == 1
    assert found['opsloop_evaluations_total{state="ok"}'] >= 1
    total = sum(value for name, value in found.items() if name.startswith("opsloop_evaluations_total"))
    assert found["opsloop_evaluation_seconds_count"] == total


async def test_open_incidents_are_shown_over_all_workspaces(world):
    for key, severity in (("k", "critical"), ("l", "warning")):
        await world.kpi(key=key)
        await world.monitor(HIGH, key=key, severity=severity)
        await world.report(3, key=key)
    await world.tick(1)
    assert (await scraped(world))['opsloop_open_incidents{severity="critical"}'] == 0

    await show_open_incidents(world.api.runtime)
    before = await scraped(world)
    await world.report(1, key="k", at=world.now)
    await world.tick(1)
    await show_open_incidents(world.api.runtime)
    after = await scraped(world)

    def open_ones(found):
        return [found[f'opsloop_open_incidents{{severity="{name}"}}'] for name in ("info", "warning", "critical")]

    assert open_ones(before) == [0, 1, 1]
    assert open_ones(after) == [0, 1, 0]
