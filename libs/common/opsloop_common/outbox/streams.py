"""The counters that number events, and their end.

A stream is named after one thing (`kpi/<id>`), its counter is what makes `sequence` 1, 2, 3 … without gaps for as long as the
thing exists. Whoever takes the thing away for good ends its stream; the counter goes when nobody can ask for it any more.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from opsloop_common.contracts.envelope import INTERNAL_STREAM
from opsloop_common.work import Part, Phase, clock_of, work_of

ENDED_KEPT = timedelta(days=15)
"""A day longer than a topic keeps events."""

_END = text(
    "UPDATE outbox_stream AS s SET ended_at = e.at FROM unnest(CAST(:streams AS text[]), CAST(:times AS timestamptz[])) "
    "AS e(stream, at) WHERE s.stream = e.stream AND s.ended_at IS NULL"
)
_PRUNE = text(
    "DELETE FROM outbox_stream WHERE stream = ANY(ARRAY(SELECT stream FROM outbox_stream AS s WHERE ended_at < :before "
    "AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.stream = s.stream) ORDER BY ended_at LIMIT :limit FOR UPDATE SKIP LOCKED))"
)


class _Ends(Part):
    """The streams that end with one transaction."""

    phase = Phase.ENDS

    def __init__(self) -> None:
        self.rows: dict[str, datetime] = {}

    def write(self, session: Session) -> None:
        """Note when they ended."""
        streams = sorted(self.rows)
        session.execute(_END, {"streams": streams, "times": [self.rows[stream] for stream in streams]})


def end_streams(session: AsyncSession, aggregate: str, ids: Collection[UUID]) -> None:
    """Say that things of a kind (`kpi`) are gone for good, so that their streams get no event after this transaction's.

    Their ids are never given again, which is what makes it right to forget how far their streams were.
    """
    if ids:
        now = clock_of(session).now()
        names = [f"{aggregate}/{id}" for id in ids]
        work_of(session).part(_Ends).rows |= dict.fromkeys(
            [*names, *(f"{name}{INTERNAL_STREAM}" for name in names)], now
        )


async def prune(session: AsyncSession, *, limit: int) -> int:
    """Delete up to `limit` counters of streams that ended 15 days ago and of which nothing waits; returns how many."""
    before = clock_of(session).now() - ENDED_KEPT
    pruned: CursorResult[Any] = await session.execute(_PRUNE, {"before": before, "limit": limit})  # type: ignore[assignment]
    return pruned.rowcount
