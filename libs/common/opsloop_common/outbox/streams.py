"""The counters that number events, and their end.

A stream is named after one thing (`kpi/<id>`), its counter is what makes `sequence` 1, 2, 3 … without gaps for as long as the
thing exists. Whoever takes the thing away for good ends its stream; the counter goes when nobody can ask for it any more.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of

ENDED_KEPT = timedelta(days=15)
"""A day longer than a topic keeps events."""

_END = text(
    "UPDATE outbox_stream SET ended_at = :now WHERE stream = ANY(CAST(:streams AS text[])) AND ended_at IS NULL"
)
_PRUNE = text(
    "DELETE FROM outbox_stream WHERE stream = ANY(ARRAY(SELECT stream FROM outbox_stream AS s WHERE ended_at < :before "
    "AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.stream = s.stream) ORDER BY ended_at LIMIT :limit FOR UPDATE SKIP LOCKED))"
)


async def end_streams(session: AsyncSession, aggregate: str, ids: Collection[UUID]) -> None:
    """Say that things of a kind (`kpi`) are gone for good, so that their streams get no event after this transaction's.

    Their ids are never given again, which is what makes it right to forget how far their streams were.
    """
    if ids:
        streams = sorted(f"{aggregate}/{id}" for id in ids)
        await session.execute(_END, {"streams": streams, "now": clock_of(session).now()})


async def prune(session: AsyncSession, *, limit: int) -> int:
    """Delete up to `limit` counters of streams that ended 15 days ago and of which nothing waits; returns how many."""
    before = clock_of(session).now() - ENDED_KEPT
    pruned: CursorResult[Any] = await session.execute(_PRUNE, {"before": before, "limit": limit})  # type: ignore[assignment]
    return pruned.rowcount
