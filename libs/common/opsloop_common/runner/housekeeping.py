"""Small regular work of every worker: measure, and delete what nobody needs any more. The outbox and inbox look after themselves."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from prometheus_client import Gauge
from sqlalchemy import delete, select

from opsloop_common.access import idempotency, links, usage
from opsloop_common.db import Database
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.tables import due, job
from opsloop_common.service import Runtime

MEASURE_SECONDS = 15.0
PRUNE_SECONDS = 3600.0
PRUNE_LIMIT = 5_000
JOBS_KEPT = timedelta(days=30)
FAILED_KEPT = timedelta(days=30)
LAG_SECONDS = 0.5


async def measure(runtime: Runtime, metrics: DueMetrics) -> None:
    """Count due work, and what the service shows of its own, now and then, until cancelled."""
    while True:
        await metrics.refresh(runtime.db)
        for gauge in runtime.service.gauges:
            await gauge(runtime)
        await asyncio.sleep(MEASURE_SECONDS)


async def keep_house(runtime: Runtime) -> None:
    """Prune about once an hour, until cancelled."""
    while True:
        await prune(runtime.db)
        for chore in runtime.service.pruning:
            await chore(runtime)
        await asyncio.sleep(PRUNE_SECONDS)


async def prune(database: Database) -> None:
    """Delete stored answers and links past their day; jobs, due rows and counts of publishable keys that ended 30 days ago."""
    for batch in (_prune_answers, _prune_links, _prune_usage, _prune_jobs, _prune_failed):
        while await batch(database) == PRUNE_LIMIT:
            pass


async def _prune_answers(database: Database) -> int:
    async with database.work() as session:
        return await idempotency.prune(session, limit=PRUNE_LIMIT)


async def _prune_usage(database: Database) -> int:
    async with database.work() as session:
        return await usage.prune(session, limit=PRUNE_LIMIT)


async def _prune_links(database: Database) -> int:
    async with database.work() as session:
        return await links.prune(session, limit=PRUNE_LIMIT)


async def _prune_jobs(database: Database) -> int:
    before = database.clock.now() - JOBS_KEPT
    old = select(job.c.id).where(job.c.finished_at < before).limit(PRUNE_LIMIT)
    async with database.work() as session:
        gone = await session.execute(delete(job).where(job.c.id.in_(old)).returning(job.c.id))
        return len(gone.all())


async def _prune_failed(database: Database) -> int:
    # a row that is given up keeps the time of its last try
    before = database.clock.now() - FAILED_KEPT
    old = select(due.c.id).where(due.c.status == "failed", due.c.due_at < before).limit(PRUNE_LIMIT)
    locked = old.with_for_update(skip_locked=True)  # somebody may be scheduling it anew
    async with database.work() as session:
        gone = await session.execute(delete(due).where(due.c.id.in_(locked)).returning(due.c.id))
        return len(gone.all())


async def measure_loop_lag(gauge: Gauge) -> None:
    """Say how late the event loop wakes its sleepers: seconds, the worst of half a second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(LAG_SECONDS)
        gauge.set(max(0.0, loop.time() - began - LAG_SECONDS))
