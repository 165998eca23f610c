"""Append events to the transaction at hand.

Just before COMMIT, in sorted stream order, a counter row per stream is locked and raised; only then are the outbox rows
inserted. That makes `sequence` gapless and the order of row ids equal to commit order within a stream, and two transactions
that touch the same streams cannot deadlock here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import event as sa_event
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.db import Context, UnitOfWork, clock_of, context_of
from opsloop_common.documents import surplus
from opsloop_common.errors import Invalid
from opsloop_common.ids import uuid7
from opsloop_common.limits import EVENT_BYTES, EVENT_CONTAINERS, EVENT_VALUES
from opsloop_common.wakeups import OUTBOX, fire_after_commit

_PENDING = "outbox"

_RAISE_STREAMS = text(
    "INSERT INTO outbox_stream AS s (stream, last_seq) "
    "SELECT * FROM unnest(CAST(:streams AS text[]), CAST(:counts AS bigint[])) "
    "ON CONFLICT (stream) DO UPDATE SET last_seq = s.last_seq + excluded.last_seq RETURNING stream, last_seq"
)
_INSERT_EVENTS = text(
    "INSERT INTO outbox (event_id, stream, seq, type, payload) SELECT * FROM unnest("
    "CAST(:ids AS uuid[]), CAST(:streams AS text[]), CAST(:seqs AS bigint[]), CAST(:types AS text[]), CAST(:payloads AS text[]))"
)


@dataclass(frozen=True)
class _Draft:
    id: UUID
    time: datetime
    data: EventData
    known: dict[str, Any]
    context: Context


def event_from(
    data: EventData,
    *,
    id: UUID,
    time: datetime,
    source: str,
    context: Context,
    sequence: int,
    known: dict[str, Any] | None = None,
) -> Event:
    """Put `data` into its envelope; `known` is its document where that has been made already."""
    subject = data.subject()
    return Event.model_construct(
        specversion="1.0",
        id=id,
        source=source,
        type=data.type,
        subject=subject,
        time=time,
        datacontenttype="application/json",
        dataschema=data.dataschema(),
        workspace=context.workspace,
        actor=context.actor,
        partitionkey=subject,
        sequence=sequence,
        correlationid=context.correlationid,
        causationid=context.causationid,
        causationdepth=context.causationdepth,
        causationroot=None if context.causationroot is None else UUID(context.causationroot),
        traceparent=context.traceparent,
        data=data.model_dump(mode="json") if known is None else known,
    )


def append(session: AsyncSession, data: EventData, *, context: Context | None = None) -> UUID:
    """Add an event to the transaction; it is published if and only if that commits. Returns the event's id.

    `context` stands in for the session's own when one transaction works through several causes. Raises Invalid (422) when
    the event is larger than 512 KiB or holds too much. Not inside a savepoint: its rollback would not take the event back.
    """
    if session.in_nested_transaction():
        raise RuntimeError("append events outside savepoints")
    known = data.model_dump(mode="json")
    content = orjson.dumps(known)
    if len(content) > EVENT_BYTES:
        raise Invalid("", f"the event {data.type} would be larger than {EVENT_BYTES} bytes")
    if detail := surplus(content, containers=EVENT_CONTAINERS - 1, values=EVENT_VALUES - 50):  # less the envelope's own
        raise Invalid("", f"the event {data.type} {detail}")
    draft = _Draft(uuid7(), clock_of(session).now(), data, known, context or context_of(session))
    session.info.setdefault(_PENDING, []).append(draft)
    fire_after_commit(session, OUTBOX)
    # an append alone must also begin a transaction, or there would be no commit to hook into
    if not session.in_transaction():
        session.sync_session.begin()
    return draft.id


@sa_event.listens_for(UnitOfWork, "before_commit")
def _write(session: Session) -> None:
    if session.in_nested_transaction():
        return
    drafts: list[_Draft] = session.info.pop(_PENDING, [])
    if not drafts:
        return
    session.flush()  # business rows first: their failure must not leave streams locked while it is handled
    by_stream: defaultdict[str, list[_Draft]] = defaultdict(list)
    for draft in drafts:
        by_stream[draft.data.subject()].append(draft)
    streams = sorted(by_stream)
    counts = [len(by_stream[stream]) for stream in streams]
    raised = session.execute(_RAISE_STREAMS, {"streams": streams, "counts": counts})
    last: dict[str, int] = {row.stream: row.last_seq for row in raised}
    source = f"/opsloop/{session.info['database'].service}"
    columns: dict[str, list[Any]] = {"ids": [], "streams": [], "seqs": [], "types": [], "payloads": []}
    for stream in streams:
        first = last[stream] - len(by_stream[stream]) + 1
        for offset, draft in enumerate(by_stream[stream]):
            event = event_from(
                draft.data,
                id=draft.id,
                time=draft.time,
                source=source,
                context=draft.context,
                sequence=first + offset,
                known=draft.known,
            )
            columns["ids"].append(draft.id)
            columns["streams"].append(stream)
            columns["seqs"].append(first + offset)
            columns["types"].append(event.type)
            columns["payloads"].append(event.to_bytes().decode())
    session.execute(_INSERT_EVENTS, columns)


@sa_event.listens_for(UnitOfWork, "after_rollback")
def _forget(session: Session) -> None:
    if session.in_nested_transaction():  # a savepoint was rolled back, the transaction goes on
        return
    session.info.pop(_PENDING, None)
    session.info.pop("wake", None)
