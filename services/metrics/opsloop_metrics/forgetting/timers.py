"""The end of old domain events, about once an hour."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import settings_of
from opsloop_common.due import DueKind, DueRow, go_on
from opsloop_metrics.forgetting import service
from opsloop_metrics.settings import MetricsSettings


async def forget_old_events(session: AsyncSession, row: DueRow) -> None:
    """Delete what is older than `OPSLOOP_DOMAIN_EVENT_RETENTION_DAYS` in the row's workspace."""
    if await service.forget_old(session, settings_of(session, MetricsSettings).events_kept):
        await go_on(session, row)


FORGET_EVENTS = DueKind(
    "metrics.forget_events", forget_old_events, every=timedelta(hours=1), per="workspace", concurrency=1
)
