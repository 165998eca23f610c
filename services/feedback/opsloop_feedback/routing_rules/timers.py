"""What routing does when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_feedback.routing_rules import service


async def escalate(session: AsyncSession, row: DueRow) -> None:
    """Look whether the post named by the row's key was answered."""
    await service.escalate(session, UUID(row.key), UUID(row.payload["rule_id"]))


async def take_up(session: AsyncSession, row: DueRow) -> None:
    """Take up the post named by the row's key, for which there was no time when it was heard of."""
    await service.take_up(session, {UUID(row.key): None})


# a post that is not looked at lies there: never given up
DUE = (DueKind(service.ESCALATE, escalate, max_attempts=None), DueKind(service.TAKE_UP, take_up))
