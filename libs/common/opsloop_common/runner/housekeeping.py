"""Small regular work of every worker: measure, and delete what nobody needs any more. The outbox and inbox look after themselves."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from prometheus_client import Gauge
from sqlalchemy import delete, select

from opsloop_common.access import idempotency
from opsloop_common.db import Database
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.tables import job
from opsloop_common.service import Runtime

MEASURE_SECONDS = 15.0
PRUNE_SECONDS = 3600.0
PRUNE_LIMIT = 5_000
JOBS_KEPT = timedelta(days=30)
LAG_SECONDS = 0.5


async def measure_due(runtime: Runtime, metrics: DueMetrics) -> None:
    """Count due work now and then, until cancelled."""
    while True:
        await metrics.refresh(runtime.db)
        await asyncio.sleep(MEASURE_SECONDS)


async def keep_house(runtime: Runtime) -> None:
    """Prune about once an hour, until cancelled."""
    while True:
        await prune(runtime.db)
        await asyncio.sleep(PRUNE_SECONDS)


async def prune(database: Database) -> None:
    """Delete stored answers older than a day, and jobs that ended more than 30 days ago."""
    while await _prune_answers(database) == PRUNE_LIMIT:
        pass
    while await _prune_jobs(database) == PRUNE_LIMIT:
        pass


async def _prune_answers(database: Database) -> int:
    async with database.transaction() as session:
        return await idempotency.prune(session, limit=PRUNE_LIMIT)


async def _prune_jobs(database: Database) -> int:
    before = database.clock.now() - JOBS_KEPT
    old = select(job.c.id).where(job.c.finished_at < before).limit(PRUNE_LIMIT)
    async with database.transaction() as session:
        gone = await session.execute(delete(job).where(job.c.id.in_(old)).returning(job.c.id))
        return len(gone.all())


async def measure_loop_lag(gauge: Gauge) -> None:
    """Say how late the event loop wakes its sleepers: seconds, the worst of half a second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(LAG_SECONDS)
        gauge.set(max(0.0, loop.time() - began - LAG_SECONDS))
