"""Forget what is past its retention: events, and what came of them. Small transactions, each held to one workspace.

What is still to be tried stays: a delivery that outlasts its event takes the document over before the event goes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import settings_of
from opsloop_common.due import DueKind, LongRun
from opsloop_notifications.alert_groups import service as alert_groups
from opsloop_notifications.alert_silences import service as silences
from opsloop_notifications.alerts import service as alerts
from opsloop_notifications.bounces import service as bounces
from opsloop_notifications.confirmations import service as confirmations
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.digests import service as digests
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.eventlog import service as eventlog
from opsloop_notifications.in_app import service as in_app
from opsloop_notifications.messages import service as messages
from opsloop_notifications.settings import NotificationsSettings

BATCH = 1_000
# shorter than PostgreSQL waits before it looks for a deadlock: whoever delivers is never the one to be ended
_STEP_BACK = text("SET LOCAL lock_timeout = '500ms'")

T = TypeVar("T")
Page = Callable[..., Awaitable[UUID | None]]


async def forget_old(run: LongRun) -> None:
    """Delete what is older than `OPSLOOP_EVENT_RETENTION_DAYS` in the run's workspace."""
    before = run.grounds.clock.now() - settings_of(run, NotificationsSettings).events_kept

    async def in_pages(work: Page) -> None:
        after = await _step(run, partial(work, after=None))
        while after is not None:
            after = await _step(run, partial(work, after=after))

    for webhook_id in await _step(run, endpoints.all_ids):
        await _step(run, partial(deliveries.forget_standing, webhook_id=webhook_id, before=before))
        await in_pages(partial(deliveries.forget_ended, webhook_id=webhook_id, before=before, limit=BATCH))
    await _step(run, partial(endpoints.forget_deleted, before=before))
    while await _step(run, partial(_forget_events, before=before)):
        pass
    await in_pages(partial(messages.forget_ended, before=before, limit=BATCH))
    for forget in (
        messages.forget_messages,
        bounces.forget_reports,
        confirmations.forget_questions,
        digests.forget_sent,
        in_app.forget_entries,
        alerts.forget_resolved,
        alerts.forget_entries,
    ):
        while await _step(run, partial(forget, before=before, limit=BATCH)) == BATCH:
            pass
    await _step(run, partial(silences.forget_expired, before=before))
    await _step(run, alert_groups.forget_notices)


async def _step(run: LongRun, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async with run.transaction() as session:
        await session.execute(_STEP_BACK)
        return await work(session)


async def _forget_events(session: AsyncSession, before: datetime) -> bool:
    """Forget one batch of events; returns whether there may be more. The order of the three steps closes every gap.

    Whoever opens a delivery again holds its event: either we wait for them, and then see their queue row, or they find it gone.
    """
    positions = await eventlog.lock_older(session, before, limit=BATCH)
    if positions:
        await deliveries.keep_documents(session, through=positions[-1])
        await eventlog.forget_through(session, positions[-1])
    return len(positions) == BATCH


FORGET_OLD = DueKind(
    "notifications.forget_old", forget_old, every=timedelta(hours=1), per="workspace", long=True, concurrency=1
)
