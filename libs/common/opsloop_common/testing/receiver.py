"""A webhook receiver for tests: a small real HTTP server that keeps every request and answers as it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

PASSES = 5
"""Of the loop, from a connection that is accepted to the task that serves it."""


@dataclass(frozen=True)
class Received:
    """One request as it came. Header names are in lower case; `at` is the event loop's time."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass(frozen=True)
class Answer:
    """What the receiver says. `hang_up` closes the connection instead, after `delay_seconds`."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_seconds: float = 0.0
    hang_up: bool = False


Responder = Callable[[Received], Answer | Awaitable[Answer]]


class WebhookReceiver:
    """Listens on 127.0.0.1. Answers come from `answer_with`, then from `responder`, then they are 204."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.responder: Responder | None = None
        self.port = 0
        self._queued: deque[Answer] = deque()
        self._arrived = asyncio.Condition()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Return the address to give to a webhook."""
        return f"http://127.0.0.1:{self.port}/hook"

    def answer_with(self, *answers: Answer | int) -> None:
        """Give the next requests these answers (a number is a status), one each."""
        self._queued.extend(answer if isinstance(answer, Answer) else Answer(answer) for answer in answers)

    async def wait_for(self, count: int, *, within: float = 30.0) -> list[Received]:
        """Wait until at least `count` requests have come and return them; raises TimeoutError."""
        async with asyncio.timeout(within), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return list(self.requests)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[WebhookReceiver]:
        """Listen for the length of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for _ in range(
                PASSES
            ):  # what was accepted just now is served by then: a task that never began closes nothing
                await asyncio.sleep(0)
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (request := await _read(reader)) is not None:
                async with self._arrived:
                    self.requests.append(request)
                    self._arrived.notify_all()
                answer = await self._answer_to(request)
                await asyncio.sleep(answer.delay_seconds)
                if answer.hang_up:
                    break
                writer.write(_bytes_of(answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the sender, or the test, is gone
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer_to(self, request: Received) -> Answer:
        if self._queued:
            return self._queued.popleft()
        if self.responder is None:
            return Answer()
        answer = self.responder(request)
        return answer if isinstance(answer, Answer) else await answer


async def _read(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readline()
    if not head:
        return None
    method, path, _ = head.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := (await reader.readline()).strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, body, asyncio.get_running_loop().time())


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    while (await reader.readline()).strip():
        pass
    return b"".join(parts)


def _bytes_of(answer: Answer) -> bytes:
    headers = {**answer.headers}
    if answer.status != HTTPStatus.NO_CONTENT:
        headers["Content-Length"] = str(len(answer.body))
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body
