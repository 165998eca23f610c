"""The jobs of files of posts, and the end of what is kept of them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow, go_on
from opsloop_feedback.feedback_imports import service


async def forget_imports(session: AsyncSession, row: DueRow) -> None:
    """Forget what ended long ago."""
    if await service.forget_ended(session):
        await go_on(session, row)


PLACES = 16
"""Files give way to one another after half a second; each keeps its place meanwhile."""
DUE = (
    DueKind(service.IMPORT_JOB, service.import_feedback, concurrency=PLACES, long=True, max_attempts=None),
    DueKind(service.UNDO_JOB, service.undo_import, concurrency=PLACES, long=True, max_attempts=None),
    DueKind(
        "feedback.forget_feedback_imports",
        forget_imports,
        every=timedelta(days=1),
        per="workspace",
        concurrency=1,
    ),
)
