"""What is read of endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.documents import read_document
from opsloop_common.due.claims import in_turn, workspaces_in_turn
from opsloop_common.due.port import Ask
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.lanes import Lanes, Statement
from opsloop_common.versions import Precondition
from opsloop_notifications.deliveries.rules import TEST_TYPE
from opsloop_notifications.webhooks.models import Webhook, WebhookStatus

NEWEST_FIRST = (Webhook.id.desc(),)
_IS_THERE = Webhook.status != WebhookStatus.DELETED

# One statement over the tables of three rooms: on the way from an accepted event to its webhook each round trip counts
# (claim, deliveries, documents and endpoints apart were five of them). A claim need not survive the server's crash, so nothing
# waits for the disk.
_PICKED = in_turn(
    "delivery_queue",
    workspaces_in_turn("delivery_queue"),
    outer="workspace",
    inner="group_key",
    room=":per_endpoint - coalesce(held.count, 0)",
    held="LEFT JOIN unnest(CAST(:held_groups AS text[]), CAST(:held_counts AS integer[])) AS held(key, count) USING (key)",
)
_CLAIM_CALLS = Statement(
    "WITH hurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)), "  # noqa: S608 our own part
    f"picked AS ({_PICKED}), "
    "mine AS (UPDATE delivery_queue AS q SET owner = :owner, claimed_at = :now, attempts = q.attempts + 1 "
    "WHERE q.id = ANY(ARRAY(SELECT id FROM picked)) RETURNING q.id, q.workspace, q.tries) "
    "SELECT mine.id, mine.workspace, mine.tries, d.webhook_id, d.event_id, d.attempt_count, "
    "d.event_type = :test_type AS is_test, "
    "coalesce(d.document, e.document) AS document, w.url, w.status, w.secret, w.previous_secret, w.previous_expires_at, "
    "w.failing_since IS NOT NULL AS is_failing "
    "FROM mine CROSS JOIN hurried JOIN delivery AS d ON d.id = mine.id LEFT JOIN webhook AS w ON w.id = d.webhook_id "
    "LEFT JOIN event_log AS e ON e.workspace = d.workspace AND e.event_id = d.event_id AND d.document IS NULL"
)

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


@dataclass(frozen=True, slots=True)
class Listener:
    """An endpoint that gets events: what it wants of them, and what calling it takes when it was read to be called."""

    id: UUID
    event_types: Sequence[str]
    filter: Sequence[Any]
    address: Mapping[str, Any]


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


async def claim_calls(
    lanes: Lanes, ask: Ask, *, per_endpoint: int, charged: Mapping[str, int]
) -> Sequence[Mapping[str, Any]]:
    """Claim due deliveries, committed, and return them with their documents and endpoints.

    Workspaces take turns, and the endpoints of each; one that is `charged` with some gets that many fewer than `per_endpoint`.
    """
    given = {
        "now": ask.now,
        "owner": ask.owner,
        "limit": ask.limit,
        "share": ask.share,
        "full": list(ask.full),
        "per_endpoint": per_endpoint,
        "held_groups": list(charged),
        "held_counts": list(charged.values()),
        "test_type": TEST_TYPE,
    }
    return await lanes.fetch(_CLAIM_CALLS, given)


async def lock_webhooks(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Webhook]:
    """Return endpoints of any workspace, locked in the order of their ids."""
    statement = select(Webhook).where(Webhook.id.in_(ids)).order_by(Webhook.id).with_for_update()
    return (await session.scalars(statement)).all()


async def all_ids(session: AsyncSession) -> Sequence[UUID]:
    """Return the ids of all endpoints of the session's workspace, deleted ones too."""
    return (await session.scalars(select(Webhook.id).where(Webhook.workspace == context_of(session).workspace))).all()
