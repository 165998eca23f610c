"""Queue deliveries of events, each once for an endpoint; to one that gets them in order each behind those of its stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of, fire_after_commit
from opsloop_common.ids import uuid7
from opsloop_common.parameters import unnested
from opsloop_notifications.deliveries.models import Delivery, DeliveryQueue

_DELIVERY, _QUEUE = Delivery.__table__.c, DeliveryQueue.__table__.c
_GIVEN = {
    "planned_ids": _DELIVERY.id,
    "planned_webhooks": _DELIVERY.webhook_id,
    "planned_events": _DELIVERY.event_id,
    "planned_types": _DELIVERY.event_type,
    "planned_documents": _DELIVERY.document,
}
_IN_ORDER = {"planned_streams": _DELIVERY.stream, "planned_sequences": _DELIVERY.sequence}
_OWNERS = unnested("o", {"planned_ids": _DELIVERY.id, "planned_owners": _QUEUE.owner})
_CLAIM = "CASE WHEN o.owner IS NOT NULL THEN CAST(:now AS timestamptz) END, CASE WHEN o.owner IS NULL THEN 0 ELSE 1 END"
PLAN_SQL = (
    "planned AS (INSERT INTO delivery "  # noqa: S608 our own names
    "(id, workspace, webhook_id, event_id, event_type, document, status, attempt_count, next_attempt_at, created_at) "
    "SELECT p.id, :workspace, p.webhook_id, p.event_id, p.event_type, p.document, 'pending', 0, :now, :now "
    f"FROM {unnested('p', _GIVEN)} JOIN claimed USING (event_id) "
    "ON CONFLICT (webhook_id, event_id) DO NOTHING RETURNING id, webhook_id), "
    "queued AS (INSERT INTO delivery_queue (id, workspace, group_key, due_at, tries, owner, claimed_at, attempts) "
    f"SELECT id, :workspace, CAST(webhook_id AS text), :now, 0, o.owner, {_CLAIM} "
    f"FROM planned JOIN {_OWNERS} USING (id) RETURNING id)"
)
"""Queues deliveries of the events that are in `claimed`, as parts of a statement's WITH; bind `plan_parameters`."""
PLAN_IN_LINES_SQL = (
    "planned AS (INSERT INTO delivery (id, workspace, webhook_id, event_id, event_type, document, stream, sequence, "  # noqa: S608 our own names
    "status, attempt_count, next_attempt_at, created_at) "
    "SELECT p.id, :workspace, p.webhook_id, p.event_id, p.event_type, p.document, p.stream, p.sequence, 'pending', 0, "
    "CASE WHEN p.stream IS NULL THEN CAST(:now AS timestamptz) END, :now "
    f"FROM {unnested('p', _GIVEN | _IN_ORDER)} JOIN claimed USING (event_id) "
    "ON CONFLICT (webhook_id, event_id) DO NOTHING RETURNING id, webhook_id, stream, sequence), "
    # a line that is there has something that is first: held until the commit, so that it neither ends nor goes on without these
    "lines AS (INSERT INTO delivery_line (id, workspace, webhook_id, stream, created_at) "
    "SELECT DISTINCT ON (webhook_id, stream) id, :workspace, webhook_id, stream, CAST(:now AS timestamptz) "
    "FROM planned WHERE stream IS NOT NULL ORDER BY webhook_id, stream, sequence "
    "ON CONFLICT (webhook_id, stream) DO UPDATE SET workspace = excluded.workspace "
    "RETURNING id, webhook_id, stream, xmax = 0 AS is_new), "
    "queued AS (INSERT INTO delivery_queue (id, workspace, group_key, due_at, tries, owner, claimed_at, attempts, line_id, place) "
    "SELECT p.id, :workspace, CAST(p.webhook_id AS text), CASE WHEN l.id IS NULL OR (l.is_new AND "
    "row_number() OVER (PARTITION BY l.id ORDER BY p.sequence, p.id) = 1) THEN CAST(:now AS timestamptz) END, "
    f"0, o.owner, {_CLAIM}, l.id, p.sequence FROM planned AS p JOIN {_OWNERS} USING (id) "
    "LEFT JOIN lines AS l ON l.webhook_id = p.webhook_id AND l.stream = p.stream RETURNING id)"
)
"""The same where some of them go in order: of a line that is new the first is due, the others wait."""
_CLAIMED = "WITH claimed AS (SELECT DISTINCT unnest(CAST(:planned_events AS uuid[])) AS event_id), "
_PLAN = text(f"{_CLAIMED}{PLAN_SQL} SELECT id FROM queued")  # noqa: S608 our own parts
_PLAN_IN_LINES = text(f"{_CLAIMED}{PLAN_IN_LINES_SQL} SELECT id FROM queued")  # noqa: S608 our own parts


@dataclass(frozen=True)
class Plan:
    """One event for one endpoint; `document` only when the event log never has it. `owner`: whose claim it is from the start.

    With a `stream` it goes out behind what came before it there, by `sequence`; such a one has no owner yet.
    """

    webhook_id: UUID
    event_id: UUID
    event_type: str
    document: str | None = None
    owner: UUID | None = None
    stream: str | None = None
    sequence: int | None = None
    id: UUID = field(default_factory=uuid7)


def is_any_in_order(plans: Sequence[Plan]) -> bool:
    """Say whether PLAN_IN_LINES_SQL is what plans these."""
    return any(plan.stream is not None for plan in plans)


async def plan_deliveries(session: AsyncSession, plans: Sequence[Plan]) -> list[UUID]:
    """Queue deliveries in the session's workspace, due now; an endpoint has each event once. Returns the new ids."""
    if not plans:
        return []
    fire_after_commit(session, DeliveryQueue.__tablename__)
    given = {"workspace": context_of(session).workspace, "now": clock_of(session).now()}
    statement = _PLAN_IN_LINES if is_any_in_order(plans) else _PLAN
    return list(await session.scalars(statement, given | plan_parameters(plans)))


def plan_parameters(plans: Sequence[Plan]) -> dict[str, Any]:
    """Return the parameters of what plans these, but `workspace` and `now`. After the commit, fire QUEUE_TABLE."""
    given = {
        "planned_ids": [plan.id for plan in plans],
        "planned_owners": [plan.owner for plan in plans],
        "planned_webhooks": [plan.webhook_id for plan in plans],
        "planned_events": [plan.event_id for plan in plans],
        "planned_types": [plan.event_type for plan in plans],
        "planned_documents": [plan.document for plan in plans],
    }
    if is_any_in_order(plans):
        given["planned_streams"] = [plan.stream for plan in plans]
        given["planned_sequences"] = [plan.sequence for plan in plans]
    return given
