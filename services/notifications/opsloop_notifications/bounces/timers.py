"""What runs beside requests: what follows from a bounce that the mail server told at once."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_notifications.bounces import service
from opsloop_notifications.messages.service import SUPPRESS_BOUNCED as KIND


async def suppress_bounced(session: AsyncSession, row: DueRow) -> None:
    """Send nothing more to the address of the notification that the row's key names."""
    await service.suppress_bounced(session, UUID(row.key))


SUPPRESS_BOUNCED = DueKind(KIND, suppress_bounced, concurrency=1)
