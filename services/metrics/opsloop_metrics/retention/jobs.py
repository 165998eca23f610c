"""The end of old domain events, about once an hour."""

from __future__ import annotations

from opsloop_common.db import settings_of
from opsloop_common.service import Runtime
from opsloop_metrics.retention import service
from opsloop_metrics.settings import MetricsSettings


async def forget_old_events(runtime: Runtime) -> None:
    """Delete what is older than `OPSLOOP_DOMAIN_EVENT_RETENTION_DAYS`."""
    await service.forget_old(runtime.db, settings_of(runtime, MetricsSettings).events_kept)
