"""Look after the inbox while a service consumes: count what is parked, forget what cannot come again."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from sqlalchemy import CursorResult, func, select, text

from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.db import Database
from opsloop_common.inbox.subscription import Subscriber
from opsloop_common.inbox.tables import parked_event

log = structlog.get_logger(__name__)

COUNT_SECONDS = 15.0
PRUNE_EVERY = 240  # counts, so about once an hour
PRUNE_LIMIT = 5_000

# a day longer than a topic keeps events, so that a full replay still meets every inbox row
_PRUNE = text(
    "DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox "
    "WHERE applied_at < now() - interval '15 days' LIMIT :limit))"
)


async def keep_inbox(database: Database, service: Subscriber, metrics: BackboneMetrics) -> None:
    """Count and prune until cancelled."""
    rounds = 0
    while True:
        try:
            await count_parked(database, service, metrics)
            if rounds % PRUNE_EVERY == 0:
                while await prune_inbox(database) == PRUNE_LIMIT:
                    pass
        except Exception as error:  # noqa: BLE001 the loop outlives whatever the database does
            log.warning("inbox not looked after", service=service.name, error=str(error))
        rounds += 1
        await asyncio.sleep(COUNT_SECONDS)


async def count_parked(database: Database, service: Subscriber, metrics: BackboneMetrics) -> None:
    """Set the gauges of parked events."""
    query = select(parked_event.c.consumer, parked_event.c.status, func.count()).group_by(
        parked_event.c.consumer, parked_event.c.status
    )
    async with database.work() as session:
        counts = {(row[0], row[1]): row[2] for row in await session.execute(query)}
    for subscription in service.subscriptions:
        for status in ("failed", "held"):
            metrics.parked.labels(subscription.consumer, status).set(counts.get((subscription.consumer, status), 0))


async def prune_inbox(database: Database) -> int:
    """Delete up to 5,000 inbox rows that are older than 15 days; returns how many."""
    async with database.work() as session:
        pruned: CursorResult[Any] = await session.execute(_PRUNE, {"limit": PRUNE_LIMIT})  # type: ignore[assignment]
        return pruned.rowcount
