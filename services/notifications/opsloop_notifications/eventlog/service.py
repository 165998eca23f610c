"""Keep every event in the order in which it can be read, and hand it out again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.db import clock_of, context_of
from opsloop_notifications.eventlog import queries

# The counter row is locked until the commit, so positions become readable in their own order: a reader that remembers the
# last one it saw misses nothing, which a plain identity column could not promise.
_APPEND = text(
    "WITH given AS (INSERT INTO event_log_counter AS c (workspace, last) VALUES (:workspace, :count) "
    "ON CONFLICT (workspace) DO UPDATE SET last = c.last + excluded.last RETURNING last) "
    "INSERT INTO event_log (workspace, position, event_id, type, document, received_at) "
    "SELECT :workspace, given.last - :count + e.place, e.id, e.type, e.document, :now FROM given, "
    "unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:documents AS text[])) "
    "WITH ORDINALITY AS e(id, type, document, place)"
)


@dataclass(frozen=True)
class LogPage:
    """Events in order, and the position after which the next page begins."""

    documents: Sequence[str]
    position: int
    has_more: bool


async def keep_events(session: AsyncSession, events: Sequence[Event]) -> None:
    """Add events of the session's workspace to the log; others wait for this transaction, so do it last."""
    await session.execute(
        _APPEND,
        {
            "workspace": context_of(session).workspace,
            "count": len(events),
            "now": clock_of(session).now(),
            "ids": [event.id for event in events],
            "types": [event.type for event in events],
            "documents": [event.to_bytes().decode() for event in events],
        },
    )


async def read_log(session: AsyncSession, after: int, *, patterns: Iterable[str], limit: int) -> LogPage:
    """Return up to `limit` events past position `after`, oldest first, of the given types (`kpi.*` and `*` allowed)."""
    patterns = set(patterns)
    prefixes = [] if "*" in patterns else sorted(p[:-1] for p in patterns if p.endswith("*"))
    types = [] if "*" in patterns else sorted(p for p in patterns if not p.endswith("*"))
    # the end is read before the events: whatever it covers, the later snapshot of the second statement sees
    end = await queries.last_position(session)
    rows = await queries.events_after(session, after, types=types, prefixes=prefixes, limit=limit + 1)
    page = rows[:limit]
    if len(rows) > limit:
        return LogPage([row.document for row in page], page[-1].position, True)
    last = page[-1].position if page else after
    return LogPage([row.document for row in page], max(last, end), False)


async def events_since(
    session: AsyncSession, since: datetime, *, after: int, limit: int
) -> Sequence[Row[int, UUID, str, str]]:
    """Return (position, event_id, type, document) of events received since a time, past position `after`, in order."""
    return await queries.received_since(session, since, after=after, limit=limit)
