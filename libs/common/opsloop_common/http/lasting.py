"""Answers that go on after their request: one task each, and no connection to the database while nothing happens.

Who waits is woken by the commit of what they wait for, and looks by themselves now and then, which is what a lost wake-up costs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from opsloop_common import limits
from opsloop_common.access.addresses import bearer_token, counted_as
from opsloop_common.errors import Forbidden, TooManyRequests, Unauthorized
from opsloop_common.http.call import call_of
from opsloop_common.wakeups import Wakeups, wait

PlaceT = TypeVar("PlaceT")
ReadT = TypeVar("ReadT")
KeyT = TypeVar("KeyT", bound=Hashable)
READ_TOGETHER = 100
Bounds = Sequence[tuple[Hashable, int]]
"""For whom an answer goes on (a person, a key, a workspace), and how many may for each."""

STREAMED: dict[str, Any] = {"content": {"text/event-stream": {}}}
"""What the contract says of a stream's answer."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_ALIVE = b": \n\n"
_AGAIN = b"retry: 2000\n\n"


async def is_still_signed_in(request: Request) -> bool:
    """Say whether the credential of a request still opens its route, as it would a new request's."""
    call = call_of(request)
    address = counted_as(request.client.host) if request.client is not None else ""
    try:
        who = await call.shell.authenticator.read(bearer_token(request.headers.get("authorization")), address)
        request.scope["route"].guard.require(who)
    except (Unauthorized, Forbidden, TooManyRequests):
        return False
    return who.actor == call.who.actor


def accepts_stream(request: Request) -> bool:
    """Say whether a request takes Server-Sent Events; who asks for something else gets what there is, and the end."""
    accepted = request.headers.get("accept", "*/*").lower()
    return any(kind in accepted for kind in ("text/event-stream", "text/*", "*/*"))


class Lasting:
    """The answers of one kind that go on in this process: so many in all, and a few of each whom they are for.

    What they read is read a few at a time, and once for all who ask together: where all are told something, all wake at once.
    """

    def __init__(self, registry: CollectorRegistry, name: str, documentation: str, *, reads: int) -> None:
        Gauge(name, documentation, registry=registry).set_function(lambda: len(self))
        self._open: Counter[Hashable] = Counter()
        self._total = 0
        self._turn = asyncio.Semaphore(reads)
        self._coming: dict[Hashable, _Batch] = {}

    def __len__(self) -> int:
        return self._total

    @contextmanager
    def place(self, most: int, bounds: Bounds) -> Iterator[None]:
        """Count one more for the length of the block; raises TooManyRequests (429)."""
        if self._total >= most or any(self._open[whose] >= most_of_them for whose, most_of_them in bounds):
            raise TooManyRequests("Too many of these answers are open.", headers={"Retry-After": "10"})
        self._count(bounds, 1)
        try:
            yield
        finally:
            self._count(bounds, -1)

    def _count(self, bounds: Bounds, more: int) -> None:
        self._total += more
        for whose, _ in bounds:
            self._open[whose] += more
            if not self._open[whose]:
                del self._open[whose]

    async def read(self, key: Hashable, read: Callable[[], Awaitable[ReadT]]) -> ReadT:
        """Return what `read` does, or what the same read returned to another who asked before its turn had come."""

        async def once(keys: Sequence[Hashable]) -> Mapping[Hashable, ReadT]:
            return {key: await read()}

        return await self.read_together(key, key, once)

    async def read_together(
        self, group: Hashable, key: KeyT, read: Callable[[Sequence[KeyT]], Awaitable[Mapping[KeyT, ReadT]]]
    ) -> ReadT:
        """Return what `read` finds for a key. Who asks in the same group before its turn has come is read for with it, by one of them."""
        batch = self._coming.get(group)
        if batch is None or (len(batch.keys) >= READ_TOGETHER and key not in batch.keys):
            batch = self._coming[group] = _Batch()
            batch.task = asyncio.create_task(self._in_turn(group, batch, read))
            batch.task.add_done_callback(_looked_at)
        batch.keys[key] = None
        # one who leaves must not take the answer from the others
        found: Mapping[KeyT, ReadT] = await asyncio.shield(batch.task)
        return found[key]

    async def _in_turn(self, group: Hashable, batch: _Batch, read: Callable[[Any], Awaitable[ReadT]]) -> ReadT:
        try:
            await self._turn.acquire()
        finally:
            # who asks from here on may have been woken by what this does not see
            if self._coming.get(group) is batch:
                del self._coming[group]
        try:
            return await read(list(batch.keys))
        finally:
            self._turn.release()


class _Batch:
    """What is read together: by whom, and for which keys."""

    task: asyncio.Task[Any]

    def __init__(self) -> None:
        self.keys: dict[Any, None] = {}


def _looked_at(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


class Waiting:
    """Somebody who waits: until they are woken, leave, or the process ends."""

    def __init__(self, wakeups: Wakeups, woken: asyncio.Event, left: asyncio.Future[None]) -> None:
        self._wakeups, self._woken, self._left = wakeups, woken, left

    @property
    def has_left(self) -> bool:
        """Say whether nobody is there any more to be told anything."""
        return self._left.done()

    @property
    def is_over(self) -> bool:
        """Say whether there is nothing more to wait for."""
        return self.has_left or self._wakeups.is_stopping

    async def for_more(self, seconds: float) -> bool:
        """Wait so long at most; says whether there may be more."""
        return await wait(self._woken, seconds)


@asynccontextmanager
async def waiting(wakeups: Wakeups, name: str, receive: Receive) -> AsyncIterator[Waiting]:
    """Hear a wake-up, and the end of a connection, for the length of the block. What was there before is to be looked for in it."""
    woken = wakeups.subscribe(name)
    left = asyncio.ensure_future(_left(receive))
    left.add_done_callback(lambda _: woken.set())
    try:
        yield Waiting(wakeups, woken, left)
    finally:
        left.cancel()
        wakeups.unsubscribe(name, woken)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@dataclass(frozen=True)
class Told(Generic[PlaceT]):
    """What is told of what came past a place, the place after that, and whether it is all there is."""

    piece: bytes
    place: PlaceT
    is_all: bool = True


@dataclass(frozen=True)
class Watched(Generic[PlaceT]):
    """What a stream tells: from which place on, what came since, and whether who watches may still be told."""

    place: PlaceT
    is_live: bool
    """Whether to wait for what comes; else what is there is told, and the answer ends."""
    since: Callable[[PlaceT], Awaitable[Told[PlaceT]]]
    may_go_on: Callable[[], Awaitable[bool]]
    alive: Callable[[PlaceT], bytes] = lambda _: _ALIVE
    """What is told when nothing happens."""


class EventStream(Response, Generic[PlaceT]):
    """Server-Sent Events for as long as reader, process and credential last, ten minutes at most."""

    media_type = "text/event-stream"

    def __init__(
        self, wakeups: Wakeups, name: str, watched: Watched[PlaceT], *, lasting: Lasting, most: int, bounds: Bounds
    ) -> None:
        super().__init__()
        self._wakeups, self._name, self._watched = wakeups, name, watched
        self._lasting, self._most, self._bounds = lasting, most, bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell all that comes; raises TooManyRequests (429) before anything is said."""
        with self._lasting.place(self._most, self._bounds):
            async with waiting(self._wakeups, self._name, receive) as waiter:
                await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
                # where the database is away it ends, and is asked for again
                with suppress(SQLAlchemyError, OSError, TimeoutError):
                    async for piece in self._told(waiter):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _told(self, waiter: Waiting) -> AsyncIterator[bytes]:
        watched, place = self._watched, self._watched.place
        loop = asyncio.get_running_loop()
        until = loop.time() + limits.STREAM_SECONDS
        yield _AGAIN + watched.alive(place)
        while not waiter.is_over and await watched.may_go_on():
            told = await watched.since(place)
            place = told.place
            if told.piece:
                yield told.piece
            if loop.time() > until or (told.is_all and not watched.is_live):
                return
            if not told.is_all:
                continue
            if not await waiter.for_more(limits.STREAM_QUIET_SECONDS):
                yield watched.alive(place)
