"""What alerts do when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_notifications.alerts import service


async def expire(session: AsyncSession, row: DueRow) -> None:
    """End the alert named by the row's key, unless it was said meanwhile that it fires."""
    await service.expire(session, UUID(row.key))


EXPIRE = DueKind(service.EXPIRE, expire, max_attempts=None)
