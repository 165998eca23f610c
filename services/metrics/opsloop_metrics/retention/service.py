"""Forget domain events that are older than anything measures."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of
from opsloop_metrics.retention import queries, rules

BATCH = 2_000


async def forget_old(session: AsyncSession, kept: timedelta) -> bool:
    """Delete a batch of the workspace's events that happened longer than `kept` ago; says whether there may be more.

    Events count from when they happened, as windows and charts do. Incidents, their ends and reported values stay.
    """
    before = rules.kept_from(clock_of(session).now(), kept, await queries.longest_window(session))
    left = BATCH
    for type in await queries.types(session):
        left -= await queries.forget(session, type, before, limit=left)
        if left <= 0:
            return True
    return False
