"""Endpoints that are enabled by their consent alone."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, settings_of
from opsloop_common.due.jobs import start_job
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.endpoints import queries
from opsloop_notifications.endpoints.models import Webhook
from opsloop_notifications.endpoints.rules import WebhookStatus
from opsloop_notifications.handshakes.rules import ASKING, HANDSHAKE_JOB, REFUSED, origin_of, require_handshake
from opsloop_notifications.settings import NotificationsSettings


async def ask_for_consent(session: AsyncSession, webhook: Webhook) -> None:
    """Have an endpoint asked for its consent; until it is given it is disabled, and gets no tests either."""
    require_handshake(webhook.format, _origin(session))
    webhook.status, webhook.disabled_reason = WebhookStatus.DISABLED, ASKING
    webhook.consented_at = webhook.allowed_rate = webhook.refused_detail = None
    await start_job(session, HANDSHAKE_JOB, {"webhook_id": str(webhook.id), "url": webhook.url})


async def ask_after_change(
    session: AsyncSession, webhook: Webhook, changed: Collection[str], *, is_stopped: bool
) -> None:
    """Have an endpoint asked anew that is to be enabled, or whose address is another than that which consented."""
    if (is_stopped or not webhook.handshake) and webhook.disabled_reason in (ASKING, REFUSED):
        webhook.disabled_reason = "manual"
    if not webhook.handshake:
        webhook.consented_at = webhook.allowed_rate = webhook.refused_detail = None
        return
    if {"handshake", "format"} & set(changed):
        require_handshake(webhook.format, _origin(session))
    if "url" in changed:
        webhook.consented_at = None
    would_be_called = webhook.status == WebhookStatus.ENABLED and {"handshake", "url", "status"} & set(changed)
    if would_be_called or ("url" in changed and webhook.disabled_reason in (ASKING, REFUSED)):
        await ask_for_consent(session, webhook)
        await deliveries.cancel_waiting(session, webhook.workspace, webhook.id)


def _origin(session: AsyncSession) -> str | None:
    return origin_of(settings_of(session, NotificationsSettings).public_url)


async def note_consent(
    session: AsyncSession, webhook_id: UUID, url: str, *, allowed_rate: int | None, refused: str | None
) -> bool:
    """Enable an endpoint that consented to being called at a URL, or keep why it did not, unless it was changed since; says which."""
    webhook = await queries.lock_webhook(session, webhook_id, ANY_VERSION)
    if (webhook.url, webhook.status, webhook.disabled_reason) != (url, WebhookStatus.DISABLED, ASKING):
        return False
    with changing(session, webhook, {}, action="refused" if refused else "consented"):
        webhook.refused_detail, webhook.allowed_rate = refused, allowed_rate
        if refused is not None:
            webhook.disabled_reason = REFUSED
            return False
        webhook.status, webhook.disabled_reason = WebhookStatus.ENABLED, None
        webhook.consented_at, webhook.failing_since, webhook.failures = clock_of(session).now(), None, 0
    return True
