"""Work that ends in odd ways: what it waited for was cancelled, its error cannot say what it is. Its loop goes on, and it counts."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.due import DueKind, schedule
from opsloop_common.due.port import Ask
from opsloop_common.due.work import DueWork
from opsloop_common.faults import Abandoned, cancelled_only_from_outside, reason
from opsloop_common.inbox.apply import Applier, Outcome
from opsloop_common.inbox.delivery import read
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.supervision import Pauses, supervised
from opsloop_common.testing.events import make_event
from opsloop_common.testing.sample.service import SAMPLE


class Unreadable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


async def waits_for_what_is_cancelled(*_):
    inner = asyncio.ensure_future(asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(inner.cancel)
    await inner


async def fails_without_words(*_):
    raise Unreadable


WAYS = pytest.mark.parametrize("way", [waits_for_what_is_cancelled, fails_without_words])


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


def test_an_error_that_cannot_be_read_has_a_reason():
    assert reason(Unreadable()) == "Unreadable: says nothing that can be read"


async def test_a_cancellation_from_outside_stays_one():
    async def work():
        with cancelled_only_from_outside():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(Abandoned), cancelled_only_from_outside():
        await waits_for_what_is_cancelled()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            with cancelled_only_from_outside():
                await asyncio.Event().wait()


@WAYS
async def test_a_supervised_loop_goes_on(way):
    runs, third = [], asyncio.Event()

    async def loop():
        runs.append(1)
        if len(runs) == 3:
            third.set()
        await way()

    async with supervised({"x": loop}, pauses=Pauses(first=0.001, longest=0.001)):
        await asyncio.wait_for(third.wait(), 5)


@WAYS
async def test_an_event_is_parked_and_those_behind_it_go_on(database, way):
    async def handler(session, event):
        if event.data["name"] == "bad":
            await way()

    applier = Applier(database, Subscription("sample.odd", frozenset({"*"}), handler=handler), backoff=(0.0,))

    async def come(name):
        event = make_event(CampaignPaused(campaign_id=uuid4(), name=name))
        return await applier.apply(read(event.to_bytes(), source="test", origin="test"))

    assert [await come("bad"), await come("good")] == [Outcome.PARKED, Outcome.APPLIED]


@WAYS
async def test_a_due_row_has_failed_like_any_other(database, way):
    owner = uuid4()
    work = DueWork(database, [DueKind("odd", way, max_attempts=1)], owner=owner)
    async with database.transaction(Context("acme")) as session:
        await schedule(session, "odd", "a", database.clock.now())
    (item,) = (await work.claim(Ask(now=database.clock.now(), owner=owner, limit=1, share=1, full=(), held={}))).items

    outcome = await work.perform(item)
    await work.record([outcome], owner=owner)

    assert outcome.error is not None
    async with database.transaction() as session:
        assert (await session.execute(text("SELECT status FROM due"))).scalar_one() == "failed"
