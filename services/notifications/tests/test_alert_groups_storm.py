"""A storm of KPIs by a clock that the test turns: what receivers get, with its numbers, also when the process dies in it."""

from uuid import UUID, uuid4

import pytest

from opsloop_common.contracts.metrics import KpiBreached
from opsloop_common.testing.due import run_due
from services.notifications.tests.watching import DUE, Watch, breach, later, recovery

KPIS = 20
BREACHES = 1_000
SECONDS = 10


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    return made


async def storm(watch):
    """Breach each of twenty KPIs fifty times within ten seconds, each incident but the last ended before the next; returns the last."""
    last = {}
    for second in range(SECONDS):
        said: list[KpiBreached] = []
        for number in range(KPIS):
            kpi, monitor = f"kpi_{number:02}", UUID(int=number + 1)
            for _ in range(BREACHES // KPIS // SECONDS):
                if kpi in last:
                    said.append(recovery(last[kpi], kpi=kpi, monitor=monitor))
                last[kpi] = uuid4()
                said.append(breach(last[kpi], kpi=kpi, monitor=monitor))
        await watch.happen(*said)
        if second < SECONDS - 1:
            watch.service.clock.advance(1)
            await run_due(watch.service.db, DUE)
    return last


async def test_a_storm_of_a_thousand_breaches_is_twenty_messages(watch):
    last = await storm(watch)
    assert await watch.told() == []
    await watch.pass_by(30, step=10)
    first = await watch.said()
    await watch.pass_by(1_500, step=300)
    quiet = await watch.said()
    for kpi, incident in last.items():
        await watch.happen(recovery(incident, kpi=kpi, monitor=UUID(int=int(kpi[-2:]) + 1)))
    await watch.pass_by(2_100, step=300)
    over = (await watch.said())[len(quiet) :]

    assert first == [("first notification", ["+KpiBreached"])] * KPIS
    assert quiet == first
    # all flapped: their ends count after ten minutes of quiet, and are told once
    assert over == [("all alerts resolved", ["-KpiBreached"])] * KPIS
    assert {alert["firings"] for alert in await watch.listed(status="resolved")} == {BREACHES // KPIS}


async def test_in_one_group_a_storm_is_one_message_and_one_a_look_after(watch):
    await watch.call("POST", "/v1/alert-routes", 201, name="all", group_by=["alertname"])
    await run_due(watch.service.db, DUE)
    last = await storm(watch)
    await watch.pass_by(30, step=10)
    assert [(reason, len(names)) for reason, names in await watch.said()] == [("first notification", KPIS)]

    for number in range(2):  # another KPI of each minute: told together, at the looks
        for minute in range(5):
            await watch.happen(
                breach(uuid4(), kpi=f"new_{number}_{minute}", monitor=UUID(int=100 + 5 * number + minute))
            )
            await watch.pass_by(60)

    said = await watch.said()
    assert len(last) == KPIS
    assert [(reason, len(names)) for reason, names in said[1:]] == [
        ("new alerts in group", KPIS + 5),
        ("new alerts in group", KPIS + 10),
    ]


async def test_in_a_storm_children_are_inhibited_and_silences_hold(watch):
    warning, critical = ([{"name": "severity", "value": value}] for value in ("warning", "critical"))
    await watch.call("POST", "/v1/inhibition-rules", 201, name="worse", source=critical, target=warning, equal=["kpi"])
    silenced = [{"name": "kpi", "op": "=~", "value": "kpi_0[0-4]"}]
    await watch.call("POST", "/v1/silences", 201, matchers=silenced, ends_at=later(watch, hours=8), comment="known")
    for number in range(KPIS):
        await watch.happen(breach(uuid4(), kpi=f"kpi_{number:02}", severity="warning", monitor=UUID(int=500 + number)))
    await storm(watch)
    await watch.pass_by(30, step=10)

    told = [one["labels"] for document, _ in await watch.told() for one in document["alerts"]]
    assert sorted(labels["kpi"] for labels in told) == [f"kpi_{number:02}" for number in range(5, KPIS)]
    assert {labels["severity"] for labels in told} == {"critical"}


async def test_a_process_that_dies_in_the_storm_tells_nothing_twice_and_loses_no_end(watch, service):
    """All that a group knows is in its rows: what nobody did for half an hour is done once, by whoever comes next."""
    last = await storm(watch)
    await watch.pass_by(30, step=10)
    assert len(await watch.said()) == KPIS
    for kpi, incident in last.items():
        await watch.happen(recovery(incident, kpi=kpi, monitor=UUID(int=int(kpi[-2:]) + 1)))
    watch.service.clock.advance(1_800)  # nobody is there to look

    again = Watch(service, watch.key, watch.receiver)  # the same rows, and nothing else that was known
    await again.pass_by(1)
    await again.pass_by(3_000, step=300)

    assert (await again.said())[KPIS:] == [("all alerts resolved", ["-KpiBreached"])] * KPIS
    assert await again.listed(status="firing") == []
