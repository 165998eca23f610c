"""Watch an inbox: Server-Sent Events, without loss from where the reader was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from opsloop_common import limits
from opsloop_common.db import Context, Database
from opsloop_common.http.lasting import EventStream, Told, Watched
from opsloop_notifications.in_app import queries, rules
from opsloop_notifications.in_app.meters import Streams
from opsloop_notifications.in_app.schemas import EntryOut, InboxCountsOut

Place = int | None
"""Past which position of an inbox somebody is; None: from now on."""


@dataclass(frozen=True)
class Reader:
    """Whose inbox is watched, and for whom."""

    context: Context
    user_id: str


def inbox_stream(
    database: Database, reader: Reader, place: Place, *, is_live: bool, may_go_on: Callable[[], Awaitable[bool]]
) -> EventStream[Place]:
    """Return the answer that tells of an inbox from a place on."""
    streams, whose = database.meters.of(Streams), (reader.context.workspace, reader.user_id)

    async def since(place: Place) -> Told[Place]:
        return await streams.read((*whose, place), partial(_changes, database, reader, place))

    return EventStream(
        database.wakeups,
        rules.wakeup(*whose),
        Watched(place, is_live, since, may_go_on),
        lasting=streams,
        most=limits.INBOX_STREAMS,
        bounds=[(whose, limits.INBOX_STREAMS_PER_PERSON)],
    )


async def _changes(database: Database, reader: Reader, place: Place) -> Told[Place]:
    async with database.reading(reader.context) as session:
        counts = await queries.counts(session, reader.user_id)
        now = counts.position
        if place == now:
            return Told(b"", now)
        told = []
        if place is not None and place > now:  # of an inbox that is no more
            told.append(_event("reset", now, "{}"))
            place = None
        if place is not None:
            most = limits.INBOX_CHANGES
            entries = await queries.changed_since(session, reader.user_id, place, limit=most)
            told += [
                _event("entry", entry.position, EntryOut.model_validate(entry).model_dump_json()) for entry in entries
            ]
            if len(entries) == most:
                return Told(b"".join(told), entries[-1].position, is_all=False)
        # an entry that was told of and changed again meanwhile comes again, with what is counted here
        told.append(_event("counts", now, InboxCountsOut.model_validate(counts).model_dump_json()))
        return Told(b"".join(told), now)


def _event(kind: str, position: int, data: str) -> bytes:
    return f"id: {position}\nevent: {kind}\ndata: {data}\n\n".encode()
