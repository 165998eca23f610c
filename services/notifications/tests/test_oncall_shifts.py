"""Shifts of large schedules: whoever asks for them holds up nobody."""

import pytest

from opsloop_common.testing.pauses import pauses_watched
from services.notifications.tests.test_oncall import made, shifts
from services.notifications.tests.watching import Watch, later


@pytest.fixture
async def watch(service):
    return Watch(service, await service.key(), None)


async def test_a_month_of_shifts_by_the_hour_lets_others_go_on(watch):
    rotations = [
        {"users": ["a", "b"], "begins": f"2026-01-05T09:{minute}", "unit": "hours", "length": 4}
        for minute in (10, 20, 30, 40, 50)
    ]
    schedule = await made(watch, rotations=rotations)
    for hours in range(100):
        starts, ends = later(watch, hours=hours), later(watch, hours=hours + 1)
        body = {"user_id": "o", "starts_at": starts, "ends_at": ends}
        await watch.call("POST", f"/v1/schedules/{schedule['id']}/overrides", 201, **body)
    async with pauses_watched() as pauses:
        found = await shifts(watch, schedule, until=later(watch, days=31))

    assert len(found) > 160
    assert pauses.longest < 0.015
