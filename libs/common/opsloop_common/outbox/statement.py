"""The outbox as part of one autocommitted statement, for fast paths that make a new aggregate.

Its stream begins with the event, so the counter row is inserted, not raised, and `sequence` is 1. The statement is made of

    WITH new AS (INSERT INTO ... RETURNING ...),
         outbox_stream AS ({first_of_stream("new")}),
         outbox_event AS ({first_event("new", number="new.number")})

with `parameters(event)` bound. After the commit, `database.wakeups.fire(OUTBOX)`.
"""

from __future__ import annotations

from typing import Any

from opsloop_common.contracts.envelope import Event
from opsloop_common.outbox.tables import outbox, outbox_stream
from opsloop_common.parameters import bound, named

_PREFIX = "outbox_"
_STREAM = (outbox_stream.c.stream, outbox_stream.c.last_seq)
_EVENT = (outbox.c.event_id, outbox.c.stream, outbox.c.seq, outbox.c.type)


def first_of_stream(source: str) -> str:
    """Return the part that begins the event's stream, where `source` has a row."""
    return f"INSERT INTO outbox_stream ({named(_STREAM)}) SELECT {bound(_STREAM, prefix=_PREFIX)} FROM {source}"  # noqa: S608 our own names


def first_event(source: str, **late: str) -> str:
    """Return the part that writes the event; `late` are fields of its data that only the database knows, as SQL."""
    document = f"CAST(:{_PREFIX}payload AS jsonb)"
    for field, value in late.items():
        document = f"jsonb_set({document}, '{{data,{field}}}', to_jsonb({value}))"
    return (
        f"INSERT INTO outbox ({named(_EVENT)}, payload) "  # noqa: S608 our own names
        f"SELECT {bound(_EVENT, prefix=_PREFIX)}, CAST({document} AS text) FROM {source}"
    )


def parameters(event: Event) -> dict[str, Any]:
    """Return the bind parameters for the first event of a stream; raises ValueError when it is not the first."""
    if event.sequence != 1:
        raise ValueError("only the first event of a stream can be written this way")
    return {
        f"{_PREFIX}event_id": event.id,
        f"{_PREFIX}stream": event.partitionkey,
        f"{_PREFIX}seq": event.sequence,
        f"{_PREFIX}last_seq": event.sequence,
        f"{_PREFIX}type": event.type,
        f"{_PREFIX}payload": event.to_bytes().decode(),
    }
