"""What is read of feeds."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_metrics.domain_feed.models import DomainFeed


async def is_begun(session: AsyncSession) -> bool:
    """Say whether the workspace has a feed."""
    found = select(DomainFeed.begun_at).where(DomainFeed.workspace == context_of(session).workspace)
    return (await session.scalars(found)).one_or_none() is not None
