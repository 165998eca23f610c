"""The outbox as part of one autocommitted statement, for hot paths that make a new aggregate.

Its stream begins with the event, so the counter row is inserted, not raised, and `sequence` is 1. The statement is made of

    WITH new AS (INSERT INTO ... RETURNING ...),
         outbox_stream AS ({STREAM_SQL.format(source="new")}),
         outbox_event AS ({EVENT_SQL.format(late="new.number", source="new")})

with `parameters(event, late_field=...)` bound; `late` is one number of the event's data that only the database knows. After the
commit, `database.wakeups.fire(OUTBOX)`.
"""

from __future__ import annotations

from typing import Any

from opsloop_common.contracts.envelope import Event

STREAM_SQL = "INSERT INTO outbox_stream (stream, last_seq) SELECT CAST(:outbox_stream AS text), 1 FROM {source}"
EVENT_SQL = (
    "INSERT INTO outbox (event_id, stream, seq, type, payload) "
    "SELECT CAST(:outbox_id AS uuid), CAST(:outbox_stream AS text), 1, CAST(:outbox_type AS text), "
    "CAST(:outbox_head AS text) || {late} || CAST(:outbox_tail AS text) FROM {source}"
)


def parameters(event: Event, *, late_field: str) -> dict[str, Any]:
    """Return the bind parameters for the first event of a stream; `late_field` of its data is 0 and will be filled in.

    Raises ValueError when the event is not the first of its stream, or has no such field.
    """
    if event.sequence != 1:
        raise ValueError("only the first event of a stream can be written this way")
    document = event.to_bytes().decode()
    # `data` is the last member of the envelope, and text inside it cannot hold an unescaped quote
    head, hole, tail = document[document.index('"data":{') :].partition(f'"{late_field}":0')
    if not hole:
        raise ValueError(f"{event.type} has no {late_field} to fill in")
    head = document[: document.index('"data":{')] + head + hole[:-1]
    return {
        "outbox_id": event.id,
        "outbox_stream": event.partitionkey,
        "outbox_type": event.type,
        "outbox_head": head,
        "outbox_tail": tail,
    }
