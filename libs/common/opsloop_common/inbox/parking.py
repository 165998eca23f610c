"""Look at parked events, play them again in the order of their streams, or give them up.

A redrive plays whole streams: from a stream's first parked event on, one transaction each, until one fails or none is left. It
may run in any process and at any time, also twice at once: each step holds the stream's lock and looks again.

Whoever asks for that is in the audit log, from the very transaction in which the first thing happens because of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, Select, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints
from opsloop_common.access import audit
from opsloop_common.contracts.catalogue import INTERNAL
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, Database
from opsloop_common.entry import enter
from opsloop_common.errors import NotFound
from opsloop_common.faults import fingerprint as fingerprint_of
from opsloop_common.faults import is_transient, reason
from opsloop_common.inbox.apply import context_for, handle
from opsloop_common.inbox.groups import GROUPS_SQL
from opsloop_common.inbox.holding import lock_stream
from opsloop_common.inbox.subscription import Subscriber, Subscription
from opsloop_common.inbox.tables import inbox, parked_event

log = structlog.get_logger(__name__)

_GROUPS = text(GROUPS_SQL.format(workspace=":workspace", internal=":internal"))

_COLUMNS = [column for column in parked_event.c if column.name != "body"]


@dataclass(frozen=True)
class ParkedGroup:
    """Failed events of one consumer with the same fingerprint; `held` counts what waits behind them."""

    consumer: str
    fingerprint: str
    reason: str
    failed: int
    held: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Redriven:
    """What a redrive did: events applied, events that failed again, events still parked in the streams it played."""

    applied: int
    failed: int
    remaining: int


@dataclass
class _Order:
    """What somebody asked for; it is written down with the first transaction that does something about it."""

    by: Context
    action: str
    subject: str
    _in_hand: bool = field(default=False, init=False)
    _is_written: bool = field(default=False, init=False)

    @asynccontextmanager
    async def step(self, database: Database) -> AsyncIterator[AsyncSession]:
        """Open the transaction of one step, on behalf of whoever asked."""
        self._in_hand = False
        async with database.transaction(self.by) as session:
            yield session
        self._is_written = self._is_written or self._in_hand

    def write(self, session: AsyncSession) -> None:
        """Write the order down with this step, unless an earlier one did."""
        if not self._is_written:
            audit.record(session, self.action, self.subject)
            self._in_hand = True


def _subject(id: UUID | None, fingerprint: str | None) -> str:
    if id is not None:
        return f"parked_event/{id}"
    return f"parked_group/{fingerprint or '*'}"


@dataclass(frozen=True)
class _Stream:
    consumer: str
    source: str
    stream: str | None
    id: UUID
    """Of an event that could not be read: it is alone."""

    def rows(self) -> ColumnElement[bool]:
        if self.stream is None:
            return parked_event.c.id == self.id
        return (
            (parked_event.c.consumer == self.consumer)
            & (parked_event.c.source == self.source)
            & (parked_event.c.stream == self.stream)
        )


def parked(
    *,
    consumer: str | None = None,
    status: str | None = None,
    fingerprint: str | None = None,
    workspace: str | None = None,
) -> Select[Any]:
    """Return the query of parked events without their bytes, to be ordered and paged by `parked_event.c.id`.

    Of a workspace alone it leaves out internal ones, of which only the operator reads: a reason may quote what they say.
    """
    query = select(*_COLUMNS)
    if workspace is not None:
        query = query.where(func.coalesce(parked_event.c.type, "").not_in(INTERNAL))
    wanted = {"consumer": consumer, "status": status, "fingerprint": fingerprint, "workspace": workspace}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(parked_event.c[column] == value)
    return query


async def list_parked(
    database: Database, *, limit: int = 50, after: UUID | None = None, workspace: str | None = None
) -> Sequence[Row[Any]]:
    """Return parked events, oldest first, that follow the id `after`."""
    query = parked(workspace=workspace).order_by(parked_event.c.id).limit(limit)
    if after is not None:
        query = query.where(parked_event.c.id > after)
    async with database.transaction() as session:
        rows: Sequence[Row[Any]] = (await session.execute(query)).all()
        return rows


async def list_groups(database: Database, *, workspace: str | None = None) -> list[ParkedGroup]:
    """Return what failed, grouped by consumer and fingerprint, the most frequent first."""
    async with database.transaction() as session:
        rows = await session.execute(_GROUPS, {"workspace": workspace, "internal": " ".join(INTERNAL)})
        return [ParkedGroup(**row) for row in rows.mappings()]


async def redrive(
    database: Database,
    service: Subscriber,
    *,
    by: Context,
    id: UUID | None = None,
    fingerprint: str | None = None,
    workspace: str | None = None,
) -> Redriven:
    """Play the streams of the parked event `id`, of all with `fingerprint`, or of all there are, on behalf of `by`.

    Raises NotFound when `id` (of `workspace`, when given) is not parked.
    """
    order = _Order(by, "parked_event.redriven", _subject(id, fingerprint))
    streams = await _streams(database, id=id, fingerprint=fingerprint, workspace=workspace)
    return await _play(database, service, order, streams)


async def _play(database: Database, service: Subscriber, order: _Order, streams: Sequence[_Stream]) -> Redriven:
    applied = failed = remaining = 0
    for stream in streams:
        subscription = next((s for s in service.subscriptions if s.consumer == stream.consumer), None)
        while subscription is not None:
            done = await _play_next(database, subscription, order, stream)
            failpoints.hit("parking.after_step")
            if done is None:
                break
            applied += done
            if not done:
                failed += 1
                break
        remaining += await _count(database, stream)
    return Redriven(applied, failed, remaining)


async def discard(
    database: Database,
    service: Subscriber,
    *,
    by: Context,
    id: UUID | None = None,
    fingerprint: str | None = None,
    workspace: str | None = None,
) -> int:
    """Give up the failed event `id`, or all with `fingerprint`, on behalf of `by`, and play what was held behind.

    Returns how many were given up.

    A discarded event counts as applied: when it is delivered again nothing happens. Raises NotFound as `redrive` does, and for
    an event that is only held.
    """
    streams = await _streams(database, id=id, fingerprint=fingerprint, workspace=workspace)
    order = _Order(by, "parked_event.discarded", _subject(id, fingerprint))
    discarded = 0
    for stream in streams:
        async with order.step(database) as session:
            await lock_stream(session, stream.consumer, stream.source, stream.stream)
            failed = stream.rows() & (parked_event.c.status == "failed")
            wanted = failed & (parked_event.c.id == id) if id is not None else failed
            if fingerprint is not None:
                wanted &= parked_event.c.fingerprint == fingerprint
            rows = (await session.execute(delete(parked_event).where(wanted).returning(*_COLUMNS))).all()
            if rows:
                order.write(session)
            for row in rows:
                log.warning("parked event discarded", consumer=row.consumer, event_id=str(row.event_id), type=row.type)
                if row.event_id is not None:
                    await _record_applied(session, row.consumer, row.event_id)
        discarded += len(rows)
    if id is not None and not discarded:
        raise NotFound.of("failed event")
    for stream in streams:
        await _follow_up(database, service, order, stream)
    return discarded


async def _follow_up(database: Database, service: Subscriber, order: _Order, stream: _Stream) -> None:
    async with database.transaction() as session:
        first = select(parked_event.c.status).where(stream.rows()).order_by(parked_event.c.seq).limit(1)
        status = (await session.execute(first)).scalar()
    if status == "held":
        await _play(database, service, order, [stream])


async def _streams(
    database: Database, *, id: UUID | None, fingerprint: str | None, workspace: str | None
) -> list[_Stream]:
    query = select(parked_event.c.consumer, parked_event.c.source, parked_event.c.stream, parked_event.c.id)
    if id is not None:
        query = query.where(parked_event.c.id == id)
    if fingerprint is not None:
        query = query.where(parked_event.c.fingerprint == fingerprint)
    if workspace is not None:
        query = query.where(parked_event.c.workspace == workspace)
    async with database.transaction() as session:
        rows = (await session.execute(query.order_by(parked_event.c.id))).all()
    if id is not None and not rows:
        raise NotFound.of("parked event")
    unique = {(r.consumer, r.source, r.stream, r.id if r.stream is None else None): _Stream(*r) for r in reversed(rows)}
    return list(reversed(unique.values()))


async def _play_next(database: Database, subscription: Subscription, order: _Order, stream: _Stream) -> bool | None:
    """Apply the stream's first parked event; None when nothing is left, False when it failed again."""
    row: Row[Any] | None = None
    try:
        async with order.step(database) as session:
            await lock_stream(session, stream.consumer, stream.source, stream.stream)
            first = select(parked_event).where(stream.rows()).order_by(parked_event.c.seq).limit(1).with_for_update()
            row = (await session.execute(first)).first()
            if row is None:
                return None
            order.write(session)
            await _apply_parked(session, subscription, Event.from_bytes(row.body))
            await session.execute(delete(parked_event).where(parked_event.c.id == row.id))
        return True
    except Exception as error:  # whatever a handler raises is written on the event
        if row is None or is_transient(error):
            raise
        await _note_failure(database, order, row.id, error)
        return False


async def _apply_parked(session: AsyncSession, subscription: Subscription, event: Event) -> None:
    await enter(session, context_for(subscription, [event]))
    if await _record_applied(session, subscription.consumer, event.id) and subscription.wants(event.type):
        await handle(subscription, session, [event])


async def _record_applied(session: AsyncSession, consumer: str, event_id: UUID) -> bool:
    statement = insert(inbox).values(consumer=consumer, event_id=event_id).on_conflict_do_nothing()
    return (await session.execute(statement.returning(inbox.c.event_id))).first() is not None


async def _note_failure(database: Database, order: _Order, id: UUID, error: Exception) -> None:
    log.warning("parked event failed again", id=str(id), error=reason(error))
    values = {
        "status": "failed",
        "fingerprint": fingerprint_of(error),
        "reason": reason(error),
        "attempts": parked_event.c.attempts + 1,
    }
    async with order.step(database) as session:
        order.write(session)
        await session.execute(update(parked_event).where(parked_event.c.id == id).values(values))


async def _count(database: Database, stream: _Stream) -> int:
    async with database.transaction() as session:
        return (await session.execute(select(func.count()).where(stream.rows()).select_from(parked_event))).scalar_one()
