"""What is read of endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_notifications.webhooks.models import Webhook, WebhookStatus


def webhooks_of(workspace: str) -> Select[Webhook]:
    """Return the statement for a workspace's endpoints, to be paged."""
    return select(Webhook).where(Webhook.workspace == workspace, Webhook.status != WebhookStatus.DELETED)


async def get_webhook(session: AsyncSession, webhook_id: UUID) -> Webhook:
    """Return one endpoint of the session's workspace; raises NotFound."""
    return _found(await session.scalar(webhooks_of(context_of(session).workspace).where(Webhook.id == webhook_id)))


async def lock_webhook(session: AsyncSession, webhook_id: UUID) -> Webhook:
    """Return one endpoint of the session's workspace, locked; raises NotFound."""
    statement = webhooks_of(context_of(session).workspace).where(Webhook.id == webhook_id).with_for_update()
    return _found(await session.scalar(statement))


def _found(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise NotFound("no such webhook")
    return webhook


async def enabled_webhooks(session: AsyncSession) -> Sequence[Webhook]:
    """Return the endpoints of the session's workspace that get events."""
    statement = select(Webhook).where(
        Webhook.workspace == context_of(session).workspace, Webhook.status == WebhookStatus.ENABLED
    )
    return (await session.scalars(statement)).all()


async def webhooks_by_id(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, Webhook]:
    """Return endpoints of any workspace and status, for a session that entered as a worker."""
    return {webhook.id: webhook for webhook in await session.scalars(select(Webhook).where(Webhook.id.in_(ids)))}


async def lock_webhooks(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Webhook]:
    """Return endpoints of any workspace, locked in the order of their ids."""
    statement = select(Webhook).where(Webhook.id.in_(ids)).order_by(Webhook.id).with_for_update()
    return (await session.scalars(statement)).all()
