"""What a worker deletes about once an hour, and what it counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import text

from opsloop_common import due
from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.db import Context, count_after_commit, meters_of
from opsloop_common.due import DueKind
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.meters import Meters
from opsloop_common.runner import housekeeping
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime, Slice
from opsloop_common.supervision import supervised
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.http import TEST_SECRET, settings_for_tests
from opsloop_common.testing.sample.service import SAMPLE


class Seen:
    """Counts for the tests."""

    def __init__(self, registry):
        self.seen = Counter("opsloop_test_seen", "Things seen", registry=registry)

    @property
    def value(self):
        return self.seen._value.get()


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def prune(database):
    return await run_recurring(database, housekeeping.kinds(SAMPLE))


async def fail(session, row):
    raise RuntimeError("never works")


async def test_what_was_given_up_is_kept_for_30_days(database, clock):
    kind = DueKind("sample.broken", fail, max_attempts=1)
    acme = Context(workspace="acme")

    async def keys():
        async with database.transaction() as session:
            return sorted(await session.scalars(text("SELECT key FROM due WHERE kind LIKE 'sample.%'")))

    async with database.transaction(acme) as session:
        await due.schedule(session, kind.name, "old", clock.now())
        await due.schedule(session, "sample.later", "waits", clock.now())
    with pytest.raises(RuntimeError, match="never works"):
        await run_due(database, [kind])
    clock.advance(timedelta(days=29))
    async with database.transaction(acme) as session:
        await due.schedule(session, kind.name, "young", clock.now())
    with pytest.raises(RuntimeError, match="never works"):
        await run_due(database, [kind])
    await prune(database)
    assert await keys() == ["old", "waits", "young"]

    clock.advance(timedelta(days=1, seconds=1))
    await prune(database)

    assert await keys() == ["waits", "young"]


async def test_pruning_has_the_patience_of_work(database, monkeypatch):
    patience = []

    async def seen(session, *, limit):
        patience.append(await session.scalar(text("SHOW statement_timeout")))
        return 0

    monkeypatch.setattr(housekeeping.usage, "prune", seen)

    await prune(database)

    assert patience == ["30s"], "what deletes much has the time-outs of work"


async def test_only_what_was_committed_counts(database):
    database.grounds.meters = Meters(CollectorRegistry())
    seen = database.meters.of(Seen)

    async with database.transaction() as session:
        assert meters_of(session, Seen) is seen
        count_after_commit(session, seen.seen.inc)
        async with session.begin_nested():
            await session.execute(text("SELECT 1"))
        assert seen.value == 0
    assert seen.value == 1

    with pytest.raises(RuntimeError):
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))
            count_after_commit(session, seen.seen.inc)
            raise RuntimeError
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))
    assert seen.value == 1


async def test_a_gauge_that_fails_keeps_no_other_waiting(database):
    shown, failed = asyncio.Event(), asyncio.Event()

    async def breaks(runtime):
        failed.set()
        raise RuntimeError("never works")

    async def shows(runtime):
        await failed.wait()
        shown.set()

    slices = (*SAMPLE.slices, Slice("broken", gauges=(breaks, shows)), Slice("sound", gauges=(shows,)))
    runtime = Runtime(
        service=replace(SAMPLE, slices=slices),
        settings=settings_for_tests(),
        db=database,
        clock=database.clock,
        secrets=SecretBox(TEST_SECRET),
        registry=CollectorRegistry(),
    )
    metrics = DueMetrics(runtime.registry)

    loops = housekeeping.gauges(runtime, BackboneMetrics(runtime.registry), metrics)
    async with supervised(loops), asyncio.timeout(10):
        await shown.wait()

    assert list(loops) == [
        "gauge due",
        "gauge parked",
        "gauge broken.breaks",
        "gauge broken.shows",
        "gauge sound.shows",
    ]
