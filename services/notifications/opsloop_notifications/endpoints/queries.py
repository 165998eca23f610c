"""What is read of endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.documents import read_document
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.lanes import Lanes, Statement
from opsloop_common.versions import Precondition
from opsloop_notifications.endpoints.models import Webhook
from opsloop_notifications.endpoints.rules import Listener, WebhookStatus

NEWEST_FIRST = (Webhook.id.desc(),)
_IS_THERE = Webhook.status != WebhookStatus.DELETED

# asked at each batch of events: put together once
_ENABLED = select(Webhook.id, Webhook.event_types, Webhook.filter).where(
    Webhook.workspace == bindparam("workspace"), Webhook.status == WebhookStatus.ENABLED
)
# LATERAL and OFFSET hold the planner to reading the table after the workspace was entered
_ENABLED_QUICKLY = Statement(
    f"WITH {ENTERED_SQL} SELECT w.* FROM entered CROSS JOIN LATERAL (SELECT id, event_types, CAST(filter AS text), "  # noqa: S608 our own part
    "url, secret, previous_secret, previous_expires_at, failing_since IS NOT NULL AS is_failing "
    "FROM webhook WHERE workspace = entered.workspace AND status = 'enabled' OFFSET 0) AS w"
)


def webhooks_of(workspace: str) -> Select[Webhook]:
    """Return the statement for a workspace's endpoints, to be paged."""
    return select(Webhook).where(Webhook.workspace == workspace, _IS_THERE)


async def get_webhook(session: AsyncSession, webhook_id: UUID) -> Webhook:
    """Return one endpoint of the session's workspace; raises NotFound."""
    return await resources.get(session, Webhook, Webhook.id == webhook_id, _IS_THERE)


async def lock_webhook(session: AsyncSession, webhook_id: UUID, expected: Precondition) -> Webhook:
    """Lock and return one endpoint of the session's workspace in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Webhook, Webhook.id == webhook_id, _IS_THERE, expected=expected)


async def enabled_webhooks(session: AsyncSession) -> list[Listener]:
    """Return the endpoints of the session's workspace that get events."""
    rows = await session.execute(_ENABLED, {"workspace": context_of(session).workspace})
    return [Listener(row.id, row.event_types, row.filter, {}) for row in rows]


async def enabled_webhooks_quickly(lanes: Lanes, workspace: str) -> list[Listener]:
    """Return the endpoints of a workspace that get events."""
    rows = await lanes.fetch(_ENABLED_QUICKLY, {"workspace": workspace})
    return [Listener(row["id"], row["event_types"], read_document(row["filter"]), row) for row in rows]


async def lock_webhooks(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Webhook]:
    """Return endpoints of any workspace, locked in the order of their ids."""
    statement = select(Webhook).where(Webhook.id.in_(ids)).order_by(Webhook.id).with_for_update()
    return (await session.scalars(statement)).all()


async def all_ids(session: AsyncSession) -> Sequence[UUID]:
    """Return the ids of all endpoints of the session's workspace, deleted ones too."""
    return (await session.scalars(select(Webhook.id).where(Webhook.workspace == context_of(session).workspace))).all()
