"""Lanes: workspaces take turns at them, and a place is never lost."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import text

from opsloop_common.lanes import SIZE, Statement, _Places
from opsloop_common.testing.sample.service import SAMPLE

_ASK = Statement("SELECT pg_advisory_xact_lock_shared(7), CAST(:workspace AS text) AS workspace")


async def test_a_workspace_does_not_wait_behind_all_of_another():
    places, until = _Places(), time.monotonic() + 10
    order: list[str] = []

    async def ask(workspace: str) -> None:
        await places.enter(workspace, until)
        order.append(workspace)
        places.leave()

    for _ in range(SIZE):
        await places.enter("busy", until)
    asking = [asyncio.create_task(ask("busy")) for _ in range(100)]
    await asyncio.sleep(0)
    asking += [asyncio.create_task(ask("other")) for _ in range(2)]
    await asyncio.sleep(0)
    for _ in range(SIZE):
        places.leave()
    await asyncio.gather(*asking)

    assert len(order) == 102
    assert [n for n, workspace in enumerate(order) if workspace == "other"][-1] < 2 * SIZE


async def test_everybody_who_waits_for_a_lane_is_answered(make_database):
    database = await make_database(SAMPLE)
    async with database.engine.begin() as locker:
        await locker.execute(text("SELECT pg_advisory_xact_lock(7)"))
        asking = [
            asyncio.create_task(database.lanes.fetch(_ASK, {"workspace": "busy" if n < 40 else "other"}))
            for n in range(42)
        ]
        await asyncio.sleep(0)

    rows = await asyncio.gather(*asking)

    assert [row["workspace"] for [row] in rows] == ["busy"] * 40 + ["other"] * 2


async def test_a_place_is_given_on_when_who_waits_has_gone():
    places, until = _Places(), time.monotonic() + 10
    for _ in range(SIZE):
        await places.enter("busy", until)
    gone, given, next_one = (asyncio.create_task(places.enter("busy", until)) for _ in range(3))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)

    places.leave()
    given.cancel()  # it has its place, and does not know yet
    with pytest.raises(asyncio.CancelledError):
        await given
    async with asyncio.timeout(5):
        await next_one
    for _ in range(SIZE):
        places.leave()

    assert places._free == SIZE
    assert not places._waiting
