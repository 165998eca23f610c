"""Wait for events: a poll that is answered when there is one, and a stream. Who waits holds no connection to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from opsloop_common import limits
from opsloop_common.db import Context, Database
from opsloop_common.documents import included, write_document
from opsloop_common.errors import Gone, Invalid, Unauthorized
from opsloop_common.http.lasting import Bounds, EventStream, Told, Watched, waiting
from opsloop_common.secretbox import SecretBox, Unsealable
from opsloop_notifications.eventlog import service
from opsloop_notifications.eventlog.meters import EventWaiters
from opsloop_notifications.eventlog.rules import wakeup
from opsloop_notifications.eventlog.service import LogPage

MayGoOn = Callable[[], Awaitable[bool]]


class Cursors:
    """Positions of a workspace's log as its readers hold them."""

    def __init__(self, secrets: SecretBox, workspace: str) -> None:
        self._secrets, self._purpose = secrets, f"events cursor {workspace}"

    def read(self, cursor: str, pointer: str) -> int:
        """Return the position that a cursor names; raises Invalid (422) for what is none of this workspace's."""
        try:
            return int(self._secrets.open(cursor, purpose=self._purpose))
        except Unsealable as error:
            raise Invalid(pointer, "is not a cursor of this list") from error

    def of(self, position: int) -> str:
        """Return the cursor of a position, another each time."""
        return self._secrets.seal(str(position).encode(), purpose=self._purpose)


@dataclass(frozen=True)
class Reader:
    """Who reads the log, which types of it, and how many events at a time."""

    context: Context
    patterns: tuple[str, ...]
    limit: int
    cursors: Cursors

    @property
    def bounds(self) -> Bounds:
        """Return for whom an answer waits, and how many may."""
        workspace, actor = self.context.workspace, self.context.actor
        return [
            (workspace, limits.EVENT_WAITERS_PER_WORKSPACE),
            ((workspace, actor), limits.EVENT_WAITERS_PER_CREDENTIAL),
        ]


def require_kept(page: LogPage, after: int, cursors: Cursors) -> None:
    """Raise Gone (410) where events that a reader at `after` has not seen are past their retention."""
    if after < page.forgotten:
        raise Gone(
            "Events after this cursor are past their retention; `next_cursor` goes on at the oldest one that is kept.",
            extra={"next_cursor": cursors.of(page.forgotten)},
        )


def page_answer(page: LogPage, cursors: Cursors, *, cursor: str | None, after: int) -> Response:
    """Return a page of events; where nothing passed by, `next_cursor` is the cursor that was sent."""
    found = {
        # as they are: to read and write megabytes of them again would hold up the loop
        "items": [included(event.document) for event in page.events],
        "next_cursor": cursor if cursor is not None and page.position == after else cursors.of(page.position),
        "has_more": page.has_more,
    }
    return Response(write_document(found), media_type="application/json")


async def _read(database: Database, reader: Reader, after: int, *, characters: int | None = None) -> LogPage:
    key = (reader.context.workspace, after, reader.patterns, reader.limit, characters)

    async def read() -> LogPage:
        async with database.reading(reader.context) as session:
            return await service.read_log(
                session, after, patterns=reader.patterns, limit=reader.limit, characters=characters
            )

    return await database.meters.of(EventWaiters).read(key, read)


class LaterPage(Response):
    """A page of events that is answered when there is one, or when the time is over, with none."""

    media_type = "application/json"

    def __init__(
        self, database: Database, reader: Reader, after: int, *, cursor: str | None, seconds: float, may_go_on: MayGoOn
    ) -> None:
        super().__init__()
        self._database, self._reader, self._after = database, reader, after
        self._cursor, self._seconds, self._may_go_on = cursor, seconds, may_go_on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, and answer; raises TooManyRequests (429), and Unauthorized (401) when the credential ended meanwhile."""
        database, reader = self._database, self._reader
        with database.meters.of(EventWaiters).place(limits.EVENT_WAITERS, reader.bounds):
            page = await self._found(receive)
        if page is None:
            return
        if not await self._may_go_on():
            raise Unauthorized("The credential has ended.")
        answer = page_answer(page, reader.cursors, cursor=self._cursor, after=self._after)
        await answer(scope, receive, send)

    async def _found(self, receive: Receive) -> LogPage | None:
        """Return the page, None for who has left."""
        loop = asyncio.get_running_loop()
        until, after = loop.time() + self._seconds, self._after
        async with waiting(self._database.wakeups, wakeup(self._reader.context.workspace), receive) as waiter:
            while True:
                page = await _read(self._database, self._reader, after)
                after, left = page.position, until - loop.time()
                if waiter.has_left:
                    return None
                if page.events or waiter.is_over or left <= 0:
                    return page
                await waiter.for_more(min(left, limits.STREAM_QUIET_SECONDS))


def event_stream(
    database: Database, reader: Reader, after: int, *, is_live: bool, may_go_on: MayGoOn
) -> EventStream[int]:
    """Return the answer that tells of each event past a position; its ids are cursors."""
    cursors = reader.cursors

    def alive(position: int) -> bytes:
        # an id alone tells nobody anything, and is where a browser goes on: not at an event of long ago
        return f": \nid: {cursors.of(position)}\n\n".encode()

    async def since(position: int) -> Told[int]:
        page = await _read(database, reader, position, characters=limits.EVENT_STREAM_CHARACTERS)
        told = (
            f"id: {cursors.of(event.position)}\nevent: {event.type}\ndata: {event.document}\n\n".encode()
            for event in page.events
        )
        return Told(b"".join(told), page.position, not page.has_more)

    return EventStream(
        database.wakeups,
        wakeup(reader.context.workspace),
        Watched(after, is_live, since, may_go_on, alive),
        lasting=database.meters.of(EventWaiters),
        most=limits.EVENT_WAITERS,
        bounds=reader.bounds,
    )
