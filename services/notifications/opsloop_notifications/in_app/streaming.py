"""Watch an inbox: Server-Sent Events, without loss from where the reader was, for as long as reader, process and credential last.

One task a stream, which holds no connection to the database while nothing happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from opsloop_common import limits
from opsloop_common.db import Context, Database
from opsloop_common.wakeups import wait
from opsloop_notifications.in_app import queries, rules
from opsloop_notifications.in_app.meters import Streams
from opsloop_notifications.in_app.schemas import EntryOut, InboxCountsOut

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_ALIVE = b": \n\n"
_AGAIN = b"retry: 2000\n\n"


@dataclass(frozen=True)
class Watched:
    """Whose inbox is watched, for whom, and from where on: None from now, else after that position."""

    context: Context
    user_id: str
    position: int | None
    is_live: bool
    """Whether to wait for what comes; else what is there is told, and the answer ends."""
    may_go_on: Callable[[], Awaitable[bool]]
    """Whether the credential still opens this inbox."""


class InboxStream(Response):
    """The answer that goes on."""

    media_type = "text/event-stream"

    def __init__(self, database: Database, watched: Watched) -> None:
        super().__init__()
        self._database, self._watched = database, watched
        self._streams = database.meters.of(Streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell all that changes; raises TooManyRequests (429) before anything is said."""
        workspace, user_id = self._watched.context.workspace, self._watched.user_id
        self._streams.take(workspace, user_id)
        wakeups, name = self._database.wakeups, rules.wakeup(workspace, user_id)
        woken = wakeups.subscribe(name)
        left = asyncio.ensure_future(_left(receive))
        left.add_done_callback(lambda _: woken.set())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            # where the database is away it ends, and is asked for again
            with suppress(SQLAlchemyError, OSError, TimeoutError):
                async for piece in self._told(woken, left):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            left.cancel()
            wakeups.unsubscribe(name, woken)
            self._streams.give_back(workspace, user_id)

    async def _told(self, woken: asyncio.Event, left: asyncio.Future[None]) -> AsyncIterator[bytes]:
        yield _AGAIN
        loop = asyncio.get_running_loop()
        position, until = self._watched.position, loop.time() + limits.INBOX_STREAM_SECONDS
        wakeups = self._database.wakeups
        while not (left.done() or wakeups.is_stopping) and await self._watched.may_go_on():
            piece, position, is_all = await self._changes(position)
            if piece:
                yield piece
            if not is_all:
                continue
            if not self._watched.is_live or loop.time() > until:
                return
            if not await wait(woken, limits.INBOX_QUIET_SECONDS):
                yield _ALIVE

    async def _changes(self, position: int | None) -> tuple[bytes, int, bool]:
        """Return what is told of what changed since a position, the position after that, and whether it is all."""
        async with self._streams.reading, self._database.reading(self._watched.context) as session:
            counts = await queries.counts(session, self._watched.user_id)
            now = counts.position
            if position == now:
                return b"", now, True
            told = []
            if position is not None and position > now:  # of an inbox that is no more
                told.append(_event("reset", now, "{}"))
                position = None
            if position is not None:
                most = limits.INBOX_CHANGES
                entries = await queries.changed_since(session, self._watched.user_id, position, limit=most)
                told += [
                    _event("entry", entry.position, EntryOut.model_validate(entry).model_dump_json())
                    for entry in entries
                ]
                if len(entries) == most:
                    return b"".join(told), entries[-1].position, False
            # an entry that was told of and changed again meanwhile comes again, with what is counted here
            told.append(_event("counts", now, InboxCountsOut.model_validate(counts).model_dump_json()))
            return b"".join(told), now, True


def _event(kind: str, position: int, data: str) -> bytes:
    return f"id: {position}\nevent: {kind}\ndata: {data}\n\n".encode()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
