"""The refresh of segments: by a job where somebody changed something, and of all every 5 minutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_common.due.jobs import JobRun, LongRun
from opsloop_metrics.segments import service


async def refresh(job: JobRun) -> Mapping[str, Any] | None:
    """Refresh the job's segment, and those that ask for it as far as it changed."""
    segment_id = UUID(job.payload["segment_id"])
    while True:
        await service.refresh(job, segment_id, note=job.progress)
        async with job.transaction() as session:
            asking = await service.dependents(session, segment_id)
        for each in asking:
            await service.refresh(job, each)
        async with job.transaction() as session:
            if await service.finish(session, segment_id):
                return None


async def refresh_all(run: LongRun) -> None:
    """Refresh each segment of the workspace that was not since this turn came, those that are asked for first."""
    async with run.transaction() as session:
        ids = await service.in_order(session)
    for segment_id in ids:
        await service.refresh(run, segment_id, since=run.due_at)


async def forget_members(session: AsyncSession, row: DueRow) -> None:
    """Delete members of the segment that the row's key names, which is gone."""
    await service.forget_members(session, UUID(row.key))


DUE = (
    # a store that is away costs nobody a refresh: it goes on with the bucket at which it stood
    DueKind(service.REFRESH_JOB, refresh, concurrency=2, long=True, max_attempts=None),
    DueKind(
        "metrics.refresh_segments", refresh_all, every=timedelta(minutes=5), per="workspace", long=True, concurrency=1
    ),
    DueKind(service.FORGET, forget_members, concurrency=1, max_attempts=None),
)
