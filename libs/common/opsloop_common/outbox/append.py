"""Append events to the transaction at hand.

Just before COMMIT, as the last of what is written then (`work`), a counter row per stream is locked and raised, in sorted stream
order; only then are the outbox rows inserted. That makes `sequence` gapless and the order of row ids equal to commit order within
a stream, and two transactions that touch the same streams cannot deadlock here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.documents import included, surplus, write_document
from opsloop_common.errors import Invalid
from opsloop_common.ids import uuid7
from opsloop_common.limits import EVENT_BYTES, EVENT_CONTAINERS, EVENT_VALUES
from opsloop_common.turns import breathing
from opsloop_common.wakeups import OUTBOX
from opsloop_common.work import Context, Part, Phase, context_of, work_of

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
    source: str
    content: bytes
    context: Context
    link: str | None

    def document(self, sequence: int) -> str:
        """Return the event as it travels; its data, most of it, was written when it was said."""
        event = event_from(
            self.data,
            id=self.id,
            time=self.time,
            source=self.source,
            context=self.context,
            sequence=sequence,
            known={},
            link=self.link,
        )
        return write_document(event.document() | {"data": included(self.content)})


_NAMED = ("key:", "user:")
"""Whom events name: who comes by a link is nobody that others know. The audit log says by which."""


def event_from(
    data: EventData,
    *,
    id: UUID,
    time: datetime,
    source: str,
    context: Context,
    sequence: int,
    known: dict[str, Any] | None = None,
    link: str | None = None,
) -> Event:
    """Put `data` into its envelope; `known` is its document where that has been made already, `link` of `Grounds.link`."""
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
        actor=context.actor if context.actor.startswith(_NAMED) else "system",
        partitionkey=data.stream(),
        sequence=sequence,
        correlationid=context.correlationid,
        causationid=context.causationid,
        causationdepth=context.causationdepth,
        causationroot=None if context.causationroot is None else UUID(context.causationroot),
        traceparent=context.traceparent,
        link=link,
        data=data.model_dump(mode="json") if known is None else known,
    )


class Events(Part):
    """The events of one transaction."""

    phase = Phase.EVENTS

    def __init__(self) -> None:
        self._by_stream: defaultdict[str, list[_Draft]] = defaultdict(list)

    def add(self, draft: _Draft) -> None:
        """Add an event to the end of its stream."""
        self._by_stream[draft.data.stream()].append(draft)

    def write(self, session: Session) -> None:
        """Number the events of each stream, and put them into the outbox; of many the loop goes on meanwhile."""
        drafts = dict(sorted(self._by_stream.items()))
        counts = [len(each) for each in drafts.values()]
        raised = session.execute(_RAISE_STREAMS, {"streams": list(drafts), "counts": counts})
        last: dict[str, int] = {row.stream: row.last_seq for row in raised}
        numbered = [
            (stream, sequence, draft)
            for stream, each in drafts.items()
            for sequence, draft in enumerate(each, last[stream] - len(each) + 1)
        ]
        columns: dict[str, list[Any]] = {
            "ids": [draft.id for _, _, draft in numbered],
            "streams": [stream for stream, _, _ in numbered],
            "seqs": [sequence for _, sequence, _ in numbered],
            "types": [draft.data.type for _, _, draft in numbered],
            # a session is worked with in a greenlet, from which the loop can be waited for
            "payloads": await_only(breathing(lambda one: one[2].document(one[1]), numbered)),
        }
        session.execute(_INSERT_EVENTS, columns)


def append(session: AsyncSession, data: EventData) -> UUID:
    """Add an event to the transaction; it is published if and only if that commits. Returns the event's id.

    It is caused by what the session works for (`acting_for`). Raises Invalid (422) when the event is larger than 512 KiB or
    holds too much. Not inside a savepoint: its rollback would not take the event back.
    """
    content = orjson.dumps(data.model_dump(mode="json"))
    if len(content) > EVENT_BYTES:
        raise Invalid("", f"the event {data.type} would be larger than {EVENT_BYTES} bytes")
    if detail := surplus(content, containers=EVENT_CONTAINERS - 1, values=EVENT_VALUES - 50):  # less the envelope's own
        raise Invalid("", f"the event {data.type} {detail}")
    work, id = work_of(session), uuid7()
    source, now = f"/opsloop/{work.grounds.service}", work.grounds.clock.now()
    work.part(Events).add(_Draft(id, now, data, source, content, context_of(session), work.grounds.link(data.path())))
    work.fire_after_commit(OUTBOX)
    return id
