"""What groups do when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_notifications.alert_groups import service


async def look(session: AsyncSession, row: DueRow) -> None:
    """Look at the group named by the row's key."""
    await service.look(session, UUID(row.key))


async def reroute(session: AsyncSession, row: DueRow) -> None:
    """Have all alerts of the row's workspace take the routes that there are now."""
    await service.reroute(session)


# a group that is not looked at falls silent for good: never given up
DUE = (DueKind(service.LOOK, look, max_attempts=None), DueKind(service.REROUTE, reroute, max_attempts=None))
