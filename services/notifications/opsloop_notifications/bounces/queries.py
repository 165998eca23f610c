"""What is read of reports about mails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_notifications.bounces.models import MailReport
from opsloop_notifications.bounces.rules import Kind

NEWEST_FIRST = (MailReport.id.desc(),)
_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('mail_report ' || name, 0)) "
    "FROM (SELECT name FROM unnest(CAST(:names AS text[])) AS name ORDER BY name) AS ordered"
)


def reports(
    workspace: str, *, type: str | None, notification_id: UUID | None, user_id: str | None
) -> Select[MailReport]:
    """Return the statement for a workspace's reports, to be paged by `NEWEST_FIRST`."""
    statement = select(MailReport).where(MailReport.workspace == workspace)
    if type is not None:
        statement = statement.where(MailReport.type == type)
    if notification_id is not None:
        statement = statement.where(MailReport.notification_id == notification_id)
    if user_id is not None:
        statement = statement.where(MailReport.user_id == user_id)
    return statement


async def lock_addresses(session: AsyncSession, fingerprints: Sequence[bytes]) -> None:
    """Have others who report about the same addresses wait until the transaction ends, always in one order."""
    await session.execute(_LOCK, {"names": sorted({each.hex() for each in fingerprints})})


async def soft_bounces(session: AsyncSession, fingerprint: bytes, *, since: datetime) -> int:
    """Return how many mails to an address came back softly since a time."""
    statement = select(func.count()).where(
        MailReport.workspace == context_of(session).workspace,
        MailReport.fingerprint == fingerprint,
        MailReport.type == Kind.SOFT,
        MailReport.reported_at > since,
    )
    return (await session.execute(statement)).scalar_one()
