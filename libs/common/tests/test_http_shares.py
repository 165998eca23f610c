"""One workspace holds few of the pool's connections; whoever waits for a share holds none, and not for ever."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from opsloop_common.errors import Unavailable
from opsloop_common.http import shares as module
from opsloop_common.http.shares import Shares
from opsloop_common.limits import CONNECTIONS_PER_WORKSPACE
from opsloop_common.testing.sample.service import SAMPLE


async def test_others_enter_while_one_workspace_waits_and_nobody_is_remembered():
    shares = Shares()
    for _ in range(CONNECTIONS_PER_WORKSPACE):
        await shares.enter("busy")
    waiting = asyncio.create_task(shares.enter("busy"))
    gone = asyncio.create_task(shares.enter("busy"))
    await asyncio.sleep(0)

    await shares.enter("other")
    assert not waiting.done()
    gone.cancel()
    shares.leave("busy")
    await waiting
    for _ in range(CONNECTIONS_PER_WORKSPACE):
        shares.leave("busy")
    shares.leave("other")

    assert len(shares) == 0


async def test_waiting_has_an_end(monkeypatch):
    monkeypatch.setattr(module, "SHARE_SECONDS", 0.01)
    shares = Shares()
    for _ in range(CONNECTIONS_PER_WORKSPACE):
        await shares.enter("busy")

    with pytest.raises(Unavailable) as refused:
        await shares.enter("busy")

    assert refused.value.headers == {"Retry-After": "1"}


async def test_requests_of_one_workspace_leave_connections_to_others(api, monkeypatch):
    monkeypatch.setattr(module, "SHARE_SECONDS", 0.5)
    sample = await api(SAMPLE)
    busy = await sample.key("sample:read", "sample:write", workspace="busy")
    other = await sample.key("sample:read", workspace="other")
    for headers in (busy, other):
        assert (await sample.client.get("/v1/notes", headers=headers)).status_code == 200

    async with sample.db.engine.connect() as locker:
        await locker.execute(text("LOCK TABLE note IN EXCLUSIVE MODE"))
        posts = [
            asyncio.create_task(sample.client.post("/v1/notes", json={"text": "x"}, headers=busy)) for _ in range(20)
        ]
        refused = [await next(asyncio.as_completed(posts)) for _ in range(1)]
        held = sample.db.engine.pool.checkedout()
        served = await sample.client.get("/v1/notes", headers=other)
    answers = await asyncio.gather(*posts)

    assert held == CONNECTIONS_PER_WORKSPACE + 1
    assert served.status_code == 200
    assert refused[0].status_code == 503
    assert refused[0].json()["detail"] == "Too much of this workspace is going on; try again."
    assert sorted({answer.status_code for answer in answers}) == [201, 503]
    again = await sample.client.post("/v1/notes", json={"text": "x"}, headers=busy)
    assert again.status_code == 201
