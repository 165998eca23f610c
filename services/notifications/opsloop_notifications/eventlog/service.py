"""Keep every event in the order in which it can be read, and hand it out again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.db import context_of
from opsloop_common.parameters import unnested
from opsloop_notifications.eventlog import queries
from opsloop_notifications.eventlog.models import LoggedEvent
from opsloop_notifications.eventlog.rules import wakeup as wakeup

# The counter row is locked until the commit, so positions become readable in their own order: a reader that remembers the
# last one it saw misses nothing, which a plain identity column could not promise.
_LOGGED = LoggedEvent.__table__.c
_EVENTS = unnested(
    "e",
    {"logged_ids": _LOGGED.event_id, "logged_types": _LOGGED.type, "logged_documents": _LOGGED.document},
    ordinality="place",
)
LOG_SQL = (
    "given AS (INSERT INTO event_log_counter AS c (workspace, last) "  # noqa: S608 our own names
    "SELECT CAST(:workspace AS text), count(*) FROM claimed HAVING count(*) > 0 "
    "ON CONFLICT (workspace) DO UPDATE SET last = c.last + excluded.last RETURNING last), "
    "logged AS (INSERT INTO event_log (workspace, position, event_id, type, document, received_at) "
    "SELECT :workspace, given.last - count(*) OVER () + row_number() OVER (ORDER BY e.place), e.event_id, e.type, e.document, :now "
    f"FROM given, {_EVENTS} JOIN claimed USING (event_id))"
)
"""Adds the events that are in `claimed` to the log, as parts of a statement's WITH; bind `log_parameters`."""
_FORGET = text(
    "WITH gone AS (DELETE FROM event_log WHERE workspace = :workspace AND position <= :through) "
    "UPDATE event_log_counter SET forgotten = :through WHERE workspace = :workspace"
)


class Logged(NamedTuple):
    """One event as it stands in the log."""

    position: int
    type: str
    document: str


@dataclass(frozen=True)
class LogPage:
    """Events in order, the position after which the next page begins, and the last one that is past its retention."""

    events: Sequence[Logged]
    position: int
    has_more: bool
    forgotten: int


def log_parameters(events: Sequence[Event]) -> dict[str, Any]:
    """Return the parameters of LOG_SQL, but `workspace` and `now`. Others wait for this transaction: do it last."""
    return {
        "logged_ids": [event.id for event in events],
        "logged_types": [event.type for event in events],
        "logged_documents": [event.to_bytes().decode() for event in events],
    }


async def read_log(
    session: AsyncSession, after: int, *, patterns: Iterable[str], limit: int, characters: int | None = None
) -> LogPage:
    """Return up to `limit` events past position `after`, oldest first, of the given types (`kpi.*` and `*` allowed).

    With `characters` it ends at the event that goes beyond so many.
    """
    types, prefixes = _taken_apart(patterns)
    rows = await queries.events_after(
        session, after, types=types, prefixes=prefixes, limit=limit + 1, characters=characters
    )
    if not rows:
        return LogPage([], after, False, 0)
    last, forgotten = rows[0].last, rows[0].forgotten
    found = [row for row in rows if row.position is not None]
    events = [Logged(row.position, row.type, row.document) for row in found[:limit] if row.document is not None]
    if len(found) > len(events):
        return LogPage(events, events[-1].position, True, forgotten)
    return LogPage(events, max(after, last), False, forgotten)


async def position_before(session: AsyncSession, *, newest: int, patterns: Iterable[str]) -> int:
    """Return the position past which the `newest` last events of the given types are; with 0, past all there are."""
    types, prefixes = _taken_apart(patterns)
    return await queries.position_before(session, newest=newest, types=types, prefixes=prefixes)


def _taken_apart(patterns: Iterable[str]) -> tuple[list[str], list[str]]:
    patterns = set(patterns)
    if "*" in patterns:
        return [], []
    return sorted(p for p in patterns if not p.endswith("*")), sorted(p[:-1] for p in patterns if p.endswith("*"))


async def find_document(session: AsyncSession, event_id: UUID) -> str | None:
    """Return the document of an event of the session's workspace, None when it is no longer kept."""
    return await queries.find_document(session, event_id)


async def lock_older(session: AsyncSession, before: datetime, *, limit: int) -> Sequence[int]:
    """Lock up to `limit` of the oldest events, received before a time; returns their positions in order."""
    return await queries.lock_older(session, before, limit=limit)


async def forget_through(session: AsyncSession, position: int) -> None:
    """Delete the events up to a position, which the session has locked, and remember how far that went."""
    await session.execute(_FORGET, {"workspace": context_of(session).workspace, "through": position})


async def events_since(
    session: AsyncSession, since: datetime, *, after: int, limit: int
) -> Sequence[Row[int, UUID, str, str]]:
    """Return (position, event_id, type, document) of events received since a time, past position `after`, in order."""
    return await queries.received_since(session, since, after=after, limit=limit)
