"""What is read of endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.documents import read_document
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.lanes import Lanes, Statement
from opsloop_common.versions import Precondition
from opsloop_notifications.deliveries.rules import TEST_TYPE
from opsloop_notifications.webhooks.models import Webhook, WebhookStatus

NEWEST_FIRST = (Webhook.id.desc(),)
_IS_THERE = Webhook.status != WebhookStatus.DELETED

# One statement over the tables of three rooms: on the way from an accepted event to its webhook each round trip counts
# (claim, deliveries, documents and endpoints apart were five of them). The groups come from a loose index scan, so the cost
# grows with endpoints, not with the backlog of one. A claim need not survive the server's crash, so nothing waits for the disk.
_CLAIM_CALLS = Statement(
    "WITH RECURSIVE hurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)), groups AS ("
    "(SELECT group_key FROM delivery_queue WHERE owner IS NULL AND due_at <= :now ORDER BY group_key LIMIT 1) UNION ALL "
    "SELECT (SELECT group_key FROM delivery_queue WHERE owner IS NULL AND due_at <= :now AND group_key > groups.group_key "
    "ORDER BY group_key LIMIT 1) FROM groups WHERE groups.group_key IS NOT NULL), "
    "shuffled AS (SELECT group_key, coalesce(h.count, 0) AS held FROM groups "
    "LEFT JOIN unnest(CAST(:held_groups AS text[]), CAST(:held_counts AS integer[])) AS h(key, count) ON h.key = group_key "
    "WHERE group_key IS NOT NULL ORDER BY random()), "
    "picked AS (SELECT due.id FROM shuffled CROSS JOIN LATERAL ("
    "SELECT id FROM delivery_queue WHERE owner IS NULL AND due_at <= :now AND group_key = shuffled.group_key "
    "ORDER BY priority DESC, due_at LIMIT greatest(0, :per_endpoint - shuffled.held) FOR UPDATE SKIP LOCKED) AS due "
    "LIMIT :limit), "
    "mine AS (UPDATE delivery_queue AS q SET owner = :owner, claimed_at = :now, attempts = q.attempts + 1 "
    "FROM picked WHERE q.id = picked.id RETURNING q.id, q.tries) "
    "SELECT mine.id, mine.tries, d.webhook_id, d.event_id, d.attempt_count, d.event_type = :test_type AS is_test, "
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
    lanes: Lanes, *, now: datetime, owner: UUID, limit: int, per_endpoint: int, held: Mapping[str, int]
) -> Sequence[Mapping[str, Any]]:
    """Claim due deliveries, committed, and return them with their documents and endpoints.

    Endpoints take turns; one that this process already holds `held` of gets that many fewer than `per_endpoint`.
    """
    given = {
        "now": now,
        "owner": owner,
        "limit": limit,
        "per_endpoint": per_endpoint,
        "held_groups": list(held),
        "held_counts": list(held.values()),
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
