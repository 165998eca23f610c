"""What is read of feeds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_metrics.domain_feed.models import DomainFeed


async def begin(session: AsyncSession, now: datetime) -> None:
    """Note that the workspace has a feed; one that has stays as it is."""
    row = {"workspace": context_of(session).workspace, "begun_at": now}
    await session.execute(insert(DomainFeed).values(row).on_conflict_do_nothing())


async def is_begun(session: AsyncSession) -> bool:
    """Say whether the workspace has a feed."""
    found = select(DomainFeed.begun_at).where(DomainFeed.workspace == context_of(session).workspace)
    return (await session.scalars(found)).one_or_none() is not None
