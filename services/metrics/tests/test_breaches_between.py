"""Which incidents were open at some time between two others."""

from datetime import timedelta

import pytest

from opsloop_common.db import Context
from opsloop_metrics.breaches import queries, service

HOUR = timedelta(hours=1)
LOW = {"type": "threshold", "operator": "lt", "value": 3}


async def opened_and_ended(world):
    """Let a monitor of a KPI breach for an hour; return the KPI's id and both times."""
    kpi = await world.kpi()
    await world.monitor(LOW)
    await world.report(1)
    await world.settle(2)
    opened = world.now
    await world.settle(3_600)
    await world.report(5)
    await world.settle(2)
    return kpi["id"], opened, world.now


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (-5 * HOUR, -1 * HOUR, 0),
        (-5 * HOUR, HOUR / 2, 1),
        (HOUR / 4, HOUR / 2, 1),
        (-5 * HOUR, 5 * HOUR, 1),
        (2 * HOUR, 5 * HOUR, 0),
    ],
)
async def test_an_incident_that_touches_the_time_is_found(world, start, end, count):
    kpi_id, opened, _ = await opened_and_ended(world)

    async with world.api.db.transaction(Context("acme")) as session:
        found = await service.between(session, kpi_id, opened + start, opened + end)

    assert len(found) == count


async def test_one_that_is_open_has_no_end_and_no_more_are_found_than_shown(world, monkeypatch):
    kpi = await world.kpi()
    for _ in range(3):
        await world.monitor(LOW)
    await world.report(1)
    await world.settle(2)
    later = world.now + 100 * HOUR

    async def found():
        async with world.api.db.transaction(Context("acme")) as session:
            return len(await service.between(session, kpi["id"], later, later + HOUR))

    assert await found() == 3
    monkeypatch.setattr(queries, "MOST_SHOWN", 2)
    assert await found() == 2
