"""Watch an inbox: Server-Sent Events, without loss from where the reader was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from opsloop_common import limits
from opsloop_common.db import Context, Database
from opsloop_common.http.lasting import EventStream, Told, Watched
from opsloop_common.turns import breathing
from opsloop_notifications.in_app import queries, rules
from opsloop_notifications.in_app.meters import Streams
from opsloop_notifications.in_app.models import InAppEntry
from opsloop_notifications.in_app.queries import Counts
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
        own = (reader.user_id, place)
        return await streams.read_together(reader.context.workspace, own, partial(_changes, database, reader.context))

    return EventStream(
        database.wakeups,
        rules.wakeup(*whose),
        Watched(place, is_live, since, may_go_on),
        lasting=streams,
        most=limits.INBOX_STREAMS,
        bounds=[(whose, limits.INBOX_STREAMS_PER_PERSON)],
    )


async def _changes(
    database: Database, context: Context, asked: Sequence[tuple[str, Place]]
) -> Mapping[tuple[str, Place], Told[Place]]:
    """Return what is to be told to several who are at different places of their inboxes."""
    async with database.reading(context) as session:
        counts = await queries.counts_of(session, sorted({user_id for user_id, _ in asked}))
        behind = [
            (user_id, place)
            for user_id, place in asked
            if place is not None
            and place < counts[user_id].position  # beyond it is a place in an inbox that is no more
        ]
        changes = await queries.changed_since(session, behind, limit=limits.INBOX_CHANGES)
    told = await breathing(lambda own: _told(counts[own[0]], own[1], changes.get(own, ())), asked)
    return dict(zip(asked, told, strict=True))


def _told(counts: Counts, place: Place, entries: Sequence[InAppEntry]) -> Told[Place]:
    now = counts.position
    if place == now:
        return Told(b"", now)
    told = [_event("reset", now, "{}")] if place is not None and place > now else []
    told += [_event("entry", entry.position, EntryOut.model_validate(entry).model_dump_json()) for entry in entries]
    if len(entries) == limits.INBOX_CHANGES:
        return Told(b"".join(told), entries[-1].position, is_all=False)
    # an entry that was told of and changed again meanwhile comes again, with what is counted here
    told.append(_event("counts", now, InboxCountsOut.model_validate(counts).model_dump_json()))
    return Told(b"".join(told), now)


def _event(kind: str, position: int, data: str) -> bytes:
    return f"id: {position}\nevent: {kind}\ndata: {data}\n\n".encode()
