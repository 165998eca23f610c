"""What the index does by time: add up how rare terms are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due
from opsloop_common.db import clock_of
from opsloop_common.due import DueKind, DueRow
from opsloop_common.due.jobs import JobRun
from opsloop_feedback.indexing import service
from opsloop_feedback.items.rules import READ_AGAIN
from opsloop_feedback.synonyms.rules import READ_POSTS


async def count_terms(session: AsyncSession, row: DueRow) -> None:
    """Add up what batches changed, some batches at a time."""
    if await service.count_terms(session):
        await due.schedule(session, service.COUNT, row.key, clock_of(session).now())


async def read_again(session: AsyncSession, row: DueRow) -> None:
    """Find the post named by the row's key by what it says now."""
    await service.index(session, [UUID(row.key)])


async def read_posts(job: JobRun) -> Mapping[str, Any]:
    """Read all posts again, some at a time, and go on after a crash where it stopped."""
    while True:
        async with job.transaction() as session:
            total = job.total if job.total is not None else await service.posts_there_are(session)
            count, last = await service.read_some(session, after=UUID(job.state.get("after", str(UUID(int=0)))))
            if last is None:
                await job.progress(job.done, job.done, session=session)
                return {"read": job.done}
            done = job.done + count
            await job.progress(done, max(total, done), state={"after": str(last)}, session=session)
        job.give_way()


async def keep(session: AsyncSession, row: DueRow) -> None:
    """Have posts read that an earlier release took in, or read otherwise."""
    await service.keep(session)


DUE = (
    DueKind("feedback.keep_index", keep, every=timedelta(hours=1), per="workspace", concurrency=2),
    DueKind(READ_POSTS, read_posts, concurrency=2, long=True),
    DueKind(service.COUNT, count_terms, max_attempts=None),
    DueKind(READ_AGAIN, read_again),
)
