"""Lists that many change at once: all come in, and whoever waits for a list has done all else before."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_metrics.segments import service
from services.metrics.tests.segmenting import Marketer

WAITING = text(
    "SELECT w.pid, (SELECT count(*) FROM pg_locks AS l WHERE l.pid = w.pid AND l.locktype = 'advisory' AND l.granted) "
    "FROM pg_locks AS w JOIN pg_stat_activity AS a USING (pid) WHERE a.datname = current_database() AND NOT w.granted"
)


@pytest.fixture
def marketer(world):
    return Marketer(world)


async def test_fifty_at_once_all_come_in_and_each_is_told_once(marketer):
    segment, world = await marketer.listed(), marketer.world

    def put(place):
        body = {"user_ids": [f"u{place}-{number}" for number in range(20)] + ["shared"]}
        return world.send("PUT", f"/v1/segments/{segment}/members", json=body)

    answers = await asyncio.gather(*map(put, range(50)))

    assert Counter(answer.status_code for answer in answers) == {200: 50}
    assert sum(answer.json()["changed"] for answer in answers) == 1_001
    assert (await world.get(f"/v1/segments/{segment}"))["size"] == 1_001
    told = [user for _, users in await marketer.told() for user in users]
    assert len(told) == len(set(told)) == 1_001


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_who_waits_for_a_list_has_read_who_is_meant(marketer, method):
    """Those who come after wait for the list alone; the lock that an erasure would wait for is held all the same."""
    segment, world = await marketer.listed("u1", "u2"), marketer.world
    acme = Context(workspace="acme")
    async with world.api.db.work(acme) as holding, asyncio.timeout(10):
        await service.lock_segment(holding, UUID(segment))
        path, body = f"/v1/segments/{segment}/members", {"user_ids": ["u1", "u3"]}
        asking = asyncio.create_task(world.send(method, path, json=body))
        waiting = []
        while not waiting:
            async with world.api.db.transaction() as session:
                waiting = list(await session.execute(WAITING))
        assert [locks for _, locks in waiting] == [1 if method == "PUT" else 0]
    answer = await asking
    assert (answer.status_code, answer.json()["changed"]) == (200, 1)
