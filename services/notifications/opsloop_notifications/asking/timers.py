"""The job that asks an endpoint for its consent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from opsloop_common.db import ports_of, settings_of
from opsloop_common.due.jobs import JobRun
from opsloop_common.due.kinds import DueKind
from opsloop_common.errors import NotFound
from opsloop_notifications.asking import service
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.handshakes.rules import HANDSHAKE_JOB, origin_of
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.settings import NotificationsSettings


async def handshake(job: JobRun) -> Mapping[str, Any]:
    """Ask the endpoint, outside any transaction, and enable it when it consents; one that is gone is not asked."""
    webhook_id, url = UUID(job.payload["webhook_id"]), job.payload["url"]
    origin = origin_of(settings_of(job, NotificationsSettings).public_url)
    try:
        async with job.transaction() as session:
            rate_limit = (await endpoints.get_webhook(session, webhook_id)).rate_limit
        if origin is None:
            return {"enabled": False}
        consent = await service.ask(ports_of(job, NotificationsPorts).outbound, url, origin, rate_limit=rate_limit)
        async with job.transaction() as session:
            is_enabled = await endpoints.note_consent(
                session, webhook_id, url, allowed_rate=consent.allowed_rate, refused=consent.refused
            )
    except NotFound:
        return {"enabled": False}
    return {"enabled": is_enabled}


HANDSHAKE = DueKind(HANDSHAKE_JOB, handshake, long=True)
