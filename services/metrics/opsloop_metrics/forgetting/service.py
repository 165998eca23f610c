"""Forget domain events that are older than anything measures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of
from opsloop_common.inbox import forgetting
from opsloop_metrics.events import service as events
from opsloop_metrics.forgetting import rules
from opsloop_metrics.monitors import service as monitors

BATCH = 2_000


async def forget_old(session: AsyncSession, kept: timedelta) -> bool:
    """Delete a batch of the workspace's events that happened longer than `kept` ago; says whether there may be more.

    Events count from when they happened, as windows and charts do. Incidents, their ends and reported values stay.
    """
    before = rules.kept_from(clock_of(session).now(), kept, await monitors.longest_reach(session))
    left = BATCH
    for type in await events.types(session):
        left -= await events.forget(session, type, before, limit=left)
        if left <= 0:
            return True
    return False


async def forget_people(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Delete the workspace's events that are about people who were erased, `events.record` takes no more; parked ones forget them."""
    while await events.forget_people(session, user_ids, limit=BATCH) == BATCH:
        pass
    await forgetting.forget(session, user_ids)
