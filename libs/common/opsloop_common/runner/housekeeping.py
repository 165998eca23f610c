"""Small regular work of every worker: measure, and delete what nobody needs any more. The outbox looks after itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from prometheus_client import Gauge
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import idempotency, links, usage
from opsloop_common.bus.metrics import BackboneMetrics, count_parked
from opsloop_common.db import clock_of
from opsloop_common.due import recurring
from opsloop_common.due.kinds import DueKind, DueRow
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.tables import due, job
from opsloop_common.inbox import pruning as inbox
from opsloop_common.known_workspaces import forget_if_empty, tables_of
from opsloop_common.outbox import streams
from opsloop_common.service import Runtime, Service
from opsloop_common.supervision import Loop

MEASURE_SECONDS = 15.0
PRUNE_EVERY = timedelta(hours=1)
PRUNE_LIMIT = 5_000
JOBS_KEPT = timedelta(days=30)
FAILED_KEPT = timedelta(days=30)
LAG_SECONDS = 0.5

Prune = Callable[..., Awaitable[int]]
Count = Callable[[], Awaitable[None]]


def gauges(runtime: Runtime, backbone: BackboneMetrics, metrics: DueMetrics) -> dict[str, Loop]:
    """Return a loop for due work, one for parked events, and one for each gauge of the service: none waits for one that fails."""
    counts: dict[str, Count] = {
        "due": partial(metrics.refresh, runtime.db),
        "parked": partial(count_parked, runtime.db, runtime.service.subscriptions, backbone),
    }
    for each in runtime.service.slices:
        for gauge in each.gauges:
            counts[f"{each.name}.{getattr(gauge, '__name__', 'gauge')}"] = partial(gauge, runtime)
    return {f"gauge {what}": partial(measure, count) for what, count in counts.items()}


async def measure(count: Count) -> None:
    """Count anew what a gauge shows, now and then, until cancelled."""
    while True:
        await count()
        await asyncio.sleep(MEASURE_SECONDS)


def kinds(service: Service) -> tuple[DueKind, ...]:
    """Return the regular work that every service has."""
    pruning: dict[str, Prune] = {
        "answers": idempotency.prune,
        "links": links.prune,
        "usage": usage.prune,
        "inbox": inbox.prune,
        "streams": streams.prune,
        "jobs": _prune_jobs,
        "given_up": _prune_given_up,
    }
    prunes = [
        DueKind(f"house.prune_{what}", partial(_prune, prune), concurrency=1, every=PRUNE_EVERY)
        for what, prune in pruning.items()
    ]
    forget = partial(_forget_workspace, tables_of(service.metadata))
    return (
        *prunes,
        DueKind("house.forget_workspace", forget, every=timedelta(days=30), per="workspace", concurrency=1),
    )


async def _prune(prune: Prune, session: AsyncSession, row: DueRow) -> None:
    """Delete one batch of what is past its time, and go on while there may be more."""
    if await prune(session, limit=PRUNE_LIMIT) == PRUNE_LIMIT:
        await recurring.go_on(session, row)


async def _forget_workspace(tables: list[str], session: AsyncSession, row: DueRow) -> None:
    await forget_if_empty(session, row.workspace, tables=tables, now=clock_of(session).now())


async def _prune_jobs(session: AsyncSession, *, limit: int) -> int:
    old = select(job.c.id).where(job.c.finished_at < clock_of(session).now() - JOBS_KEPT).limit(limit)
    gone = await session.execute(delete(job).where(job.c.id.in_(old)).returning(job.c.id))
    return len(gone.all())


async def _prune_given_up(session: AsyncSession, *, limit: int) -> int:
    # a row that is given up keeps the time of its last try
    before = clock_of(session).now() - FAILED_KEPT
    old = select(due.c.id).where(due.c.status == "failed", due.c.due_at < before).limit(limit)
    locked = old.with_for_update(skip_locked=True)  # somebody may be scheduling it anew
    gone = await session.execute(delete(due).where(due.c.id.in_(locked)).returning(due.c.id))
    return len(gone.all())


async def measure_loop_lag(gauge: Gauge) -> None:
    """Say how late the event loop wakes its sleepers: seconds, the worst of half a second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(LAG_SECONDS)
        gauge.set(max(0.0, loop.time() - began - LAG_SECONDS))
