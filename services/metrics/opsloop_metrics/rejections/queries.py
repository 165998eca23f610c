"""What is read of the reject log, and taken out of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.limits import REJECTIONS_PER_MINUTE
from opsloop_metrics.rejections.models import Rejection, RejectionMinute

NEWEST_FIRST = (Rejection.received_at.desc(), Rejection.id.desc())
BY_ROW = (Rejection.row.asc(), Rejection.id.asc())
REASONS_SHOWN = 100


def rejections(
    session: AsyncSession,
    *,
    start: datetime | None,
    end: datetime | None,
    reason: str | None,
    source: str | None,
    vendor: str | None,
    message_id: str | None,
) -> Select[Rejection]:
    """Return the query for what was refused."""
    wanted = select(Rejection).where(Rejection.workspace == context_of(session).workspace)
    for column, value in (
        (Rejection.reason, reason),
        (Rejection.source, source),
        (Rejection.vendor, vendor),
        (Rejection.message_id, message_id),
    ):
        wanted = wanted if value is None else wanted.where(column == value)
    wanted = wanted if start is None else wanted.where(Rejection.received_at >= start)
    return wanted if end is None else wanted.where(Rejection.received_at < end)


def of_import(session: AsyncSession, import_id: UUID) -> Select[Rejection]:
    """Return the query for the refused rows of a file."""
    return select(Rejection).where(
        Rejection.workspace == context_of(session).workspace, Rejection.import_id == import_id
    )


async def by_reason(session: AsyncSession, start: datetime, end: datetime) -> Sequence[Any]:
    """Return (reason, vendor, source, count, last_at) of what is kept of a time, the most frequent first."""
    count = func.count()
    what = (Rejection.reason, Rejection.vendor, Rejection.source)
    query = (
        select(*what, count.label("count"), func.max(Rejection.received_at).label("last_at"))
        .where(
            Rejection.workspace == context_of(session).workspace,
            Rejection.received_at >= start,
            Rejection.received_at < end,
        )
        .group_by(*what)
        .order_by(count.desc(), *what)
        .limit(REASONS_SHOWN)
    )
    return (await session.execute(query)).all()


async def left_out(session: AsyncSession, start: datetime, end: datetime) -> int:
    """Return how many were refused in the minutes of a time beyond what is kept of each."""
    beyond = func.greatest(RejectionMinute.count - REJECTIONS_PER_MINUTE, 0)
    query = select(func.coalesce(func.sum(beyond), 0)).where(
        RejectionMinute.workspace == context_of(session).workspace,
        RejectionMinute.minute >= start,
        RejectionMinute.minute < end,
    )
    return int((await session.execute(query)).scalar_one())


async def kept_from(session: AsyncSession, most: int) -> datetime | None:
    """Return when the oldest of the newest `most` came, None where there are fewer."""
    query = (
        select(Rejection.received_at)
        .where(Rejection.workspace == context_of(session).workspace)
        .order_by(*NEWEST_FIRST)
        .offset(most - 1)
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()
