"""What runs beside requests: what follows from a bounce."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_notifications.messages import mails


async def suppress_bounced(session: AsyncSession, row: DueRow) -> None:
    """Send nothing more to the address of the notification that the row's key names."""
    await mails.suppress_bounced(session, UUID(row.key))


SUPPRESS_BOUNCED = DueKind(mails.SUPPRESS_BOUNCED, suppress_bounced, concurrency=1)
