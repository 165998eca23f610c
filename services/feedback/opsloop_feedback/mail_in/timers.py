"""When old mail is forgotten: once a day."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow, go_on
from opsloop_feedback.mail_in import service


async def prune(session: AsyncSession, row: DueRow) -> None:
    """Forget a portion of what is old, and go on while there is more."""
    if await service.prune(session):
        await go_on(session, row)


DUE = (DueKind("feedback.prune_mail", prune, every=timedelta(days=1), per="workspace"),)
