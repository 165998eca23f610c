"""What metrics says is heard by metrics again: chains end, and one event makes so many monitors look and no more."""

from __future__ import annotations

from opsloop_common import limits
from opsloop_common.testing.events import deliver
from opsloop_metrics.monitors.consumers import EVENTS

RECOVERIES = {"type": "events", "event": "kpi.recovered", "aggregate": "count"}
AT_LEAST_ONE = {"type": "threshold", "operator": "ge", "value": 1}


async def test_a_monitor_that_hears_its_own_recovery_comes_to_rest(world):
    await world.kpi(key="reported")
    await world.monitor(AT_LEAST_ONE, key="reported")
    await world.kpi(RECOVERIES, key="loop")
    await world.monitor(AT_LEAST_ONE, key="loop", window="PT2S")
    await world.report(1, key="reported")
    await world.tick(1)
    await world.report(0, key="reported")

    heard: set = set()
    for _ in range(60):
        await world.tick(1)
        fresh = [event for event in await world.told() if event.id not in heard]
        heard |= {event.id for event in fresh}
        await deliver(world.api.db, EVENTS, *fresh)

    recovered = [event for event in await world.told("kpi.recovered") if event.data["kpi"] == "loop"]
    assert 1 <= len(recovered) <= limits.CAUSE_DEPTH + 1
    assert max(event.causationdepth for event in recovered) == limits.CAUSE_DEPTH + 1
    assert await world.state("loop") == "ok"


async def test_a_workspace_has_so_many_monitors_and_no_more(world, monkeypatch):
    monkeypatch.setattr(limits, "MONITORS_PER_WORKSPACE", 1)
    await world.kpi()
    await world.monitor(AT_LEAST_ONE)

    refused = await world.post("/v1/kpis/k/monitors", {"condition": AT_LEAST_ONE}, expect=409)

    assert refused["title"] == "Too many"
