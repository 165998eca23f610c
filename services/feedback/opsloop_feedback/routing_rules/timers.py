"""What routing does when time has come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due import DueKind, DueRow
from opsloop_feedback.routing_rules import service


async def escalate(session: AsyncSession, row: DueRow) -> None:
    """Look whether the post named by the row's key was answered."""
    await service.escalate(session, UUID(row.key), UUID(row.payload["rule_id"]))


# a post that is not looked at lies there: never given up
DUE = (DueKind(service.ESCALATE, escalate, max_attempts=None),)
