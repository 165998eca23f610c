"""Sends digests when their windows end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow, go_on
from opsloop_notifications.digest_mails import service
from opsloop_notifications.digests.service import SEND


async def send_digests(session: AsyncSession, row: DueRow) -> None:
    """Send those whose window ends at the time that the row's key names, a batch at a time."""
    if await service.send_ended(session, datetime.fromisoformat(row.key)):
        await go_on(session, row)


# what is held is sent by this row alone: never given up
SEND_DIGESTS = DueKind(SEND, send_digests, concurrency=4, max_attempts=None)
