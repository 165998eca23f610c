"""The jobs of files of events, and the end of uploads that nobody ended."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow, go_on
from opsloop_metrics.event_imports import service


async def forget_uploads(session: AsyncSession, row: DueRow) -> None:
    """Forget what was begun to be uploaded long ago."""
    if await service.forget_uploads(session):
        await go_on(session, row)


PLACES = 16
"""A file waits for its workspace's turn in the loop and in the writer, and keeps its place meanwhile: with four, ten workspaces that
ask for all they can get kept a small file of another waiting for 15 s."""

DUE = (
    # a store that is away for hours costs nobody an import: it goes on from where it stood, until somebody cancels it
    DueKind(service.IMPORT_JOB, service.import_events, concurrency=PLACES, long=True, max_attempts=None),
    DueKind(service.UNDO_JOB, service.undo_import, concurrency=4, long=True, max_attempts=None),
    DueKind("metrics.forget_uploads", forget_uploads, every=timedelta(days=1), per="workspace", concurrency=1),
)
