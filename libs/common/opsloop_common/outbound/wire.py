"""What a called endpoint sends, bounded before it is parsed, and parsed a little at a time.

aiohttp bounds lines and headers, but not answers: endless `103`s, chunk lines or trailers are parsed as fast as they come
(measured: /healthz p99 7.2 s). Here each answer has a budget of bytes and of interim answers, and all connections
together get a slice of each turn of the loop, so that many bad peers cost no more of a turn than one.

The status line decides what an answer means. It is heard here as soon as it is whole, or longer than any, since a parser that stumbles
over what comes after it (a body after 204, a head that is too long, a body cut short) tells nothing of it any more.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from opsloop_common import limits

_SWITCHING_PROTOCOLS = 101
_FINAL = 200
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: .*)?", re.DOTALL)
_LINE_KEPT_BYTES = 64  # enough of a line to tell a status from it, or that it is empty


class TooMuchAnswer(aiohttp.ClientError):
    """The peer sent more than is read of any answer."""


class TooManyInterimAnswers(aiohttp.ClientError):
    """The peer sent more answers that are none yet (1xx) than are read before the final one."""


@dataclass(frozen=True)
class Bounds:
    """How much of one answer is read: all of it on the wire, and what is kept of its body."""

    answer_bytes: int = limits.CALL_ANSWER_BYTES
    body_bytes: int = limits.CALL_BODY_BYTES


@dataclass
class Heard:
    """What one call has heard so far. `error` is what was wrong with the rest of an answer whose status is known."""

    status: int = 0
    """Of the final answer, once its line is whole."""
    error: Exception | None = None
    is_begun: bool = False
    """Whether any byte of an answer came."""
    is_kept: bool = False
    """Whether the connection had carried a call before this one."""


HEARING: ContextVar[Heard] = ContextVar("hearing")
"""The call that a task makes: aiohttp has no way to hand one through to the connection that it chooses."""


class StatusLines:
    """Follows heads line by line: says how much may be parsed at once, and which status the final one has."""

    def __init__(self) -> None:
        self.status = 0
        self.is_head = True
        self._line = b""
        self._is_first = True

    def take(self, piece: bytes) -> int:
        """Return how many bytes of `piece` to parse next: all of a body, of a head up to the end of a line."""
        if not self.is_head:
            return len(piece)
        end = piece.find(b"\n") + 1
        taken = end or len(piece)
        self._line += piece[: min(taken, _LINE_KEPT_BYTES - len(self._line))]
        if self._is_first and len(self._line) == _LINE_KEPT_BYTES:  # however long it goes on
            self._hear_status(self._line)
        if end:
            self._end_line(self._line.rstrip(b"\r\n"))
            self._line = b""
        return taken

    def _end_line(self, line: bytes) -> None:
        if self._is_first and line:
            self._hear_status(line)
            self._is_first = False
        elif not line:
            self.is_head, self._is_first = not self.status, True

    def _hear_status(self, line: bytes) -> None:
        found = _STATUS_LINE.fullmatch(line)
        code = int(found[1]) if found else 0
        if code >= _FINAL or code == _SWITCHING_PROTOCOLS:
            self.status = code


class Turns:
    """Lets connections parse what they received, in turn, for at most a millisecond before the loop goes on with others."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[BoundedAnswers] = deque()
        self._is_set = False

    def add(self, connection: BoundedAnswers) -> None:
        """Parse for `connection`, which waits in no other place of the line, when its turn has come."""
        self._waiting.append(connection)
        if not self._is_set:
            self._is_set = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        until = time.perf_counter() + limits.CALL_PARSE_TURN_SECONDS
        try:
            while self._waiting and time.perf_counter() < until:
                connection = self._waiting.popleft()
                if connection.parse_slice():
                    self._waiting.append(connection)
        finally:
            self._is_set = bool(self._waiting)
            if self._is_set:
                self._loop.call_soon(self._work)


class BoundedAnswers(ResponseHandler):
    """One connection: aiohttp's own protocol behind a budget for each answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turns: Turns, bounds: Bounds) -> None:
        super().__init__(loop)
        self._turns = turns
        self._bounds = bounds
        self._pending = bytearray()
        self._lost: tuple[BaseException | None] | None = None
        self._expecting = False
        self._left = 0
        self._interim = 0
        self._is_over = False
        self._body: Any = None
        self._lines = StatusLines()
        self._heard = Heard()
        self._calls = 0

    def set_response_params(self, **params: Any) -> None:
        """Begin to expect an answer, with a budget of its own."""
        self._expecting, self._is_over, self._body = True, False, None
        self._left, self._interim = self._bounds.answer_bytes, 0
        self._lines, self._heard = StatusLines(), HEARING.get()
        self._heard.is_kept = self._calls > 0
        self._calls += 1
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Keep what the budget allows, to be parsed in turn; nothing is read that was not asked for."""
        if not data:  # aiohttp goes on with what its parser holds
            super().data_received(data)
        elif not self._expecting:
            self._hang_up()
        elif not self._is_over:  # else it may have been on its way before the pause below
            self._heard.is_begun = True
            if not self._pending:
                self._turns.add(self)
            self._pending += data[: self._left]
            self._is_over = len(data) > self._left
            self._left -= min(len(data), self._left)
            if self._is_over:
                self._pause_transport_reading()

    def parse_slice(self) -> bool:
        """Parse some of what came; says whether there is more."""
        piece = bytes(self._pending[: limits.CALL_PARSE_SLICE_BYTES])
        piece = piece[: self._lines.take(piece)]
        self._heard.status = self._lines.status
        del self._pending[: len(piece)]
        if piece:
            super().data_received(piece)
        self._judge()
        if self._pending:
            return True
        if self._lost is not None:
            self._end(*self._lost)
        return False

    def _judge(self) -> None:
        if not self._expecting:
            return
        error = self.exception()
        if error is not None:  # aiohttp tells who waits for a head, not who reads a body
            self._fail(error)
        elif self._body is not None and self._body.is_eof():
            self._expecting = False
            if self._pending or self._is_over or self.writing_paused:
                self._hang_up()
        elif self._interim > limits.CALL_INTERIM_ANSWERS:
            self._fail(TooManyInterimAnswers("more interim answers than are read"))
        elif self._is_over and not self._pending and not self._has_enough():
            self._fail(TooMuchAnswer(f"The answer was longer than {self._bounds.answer_bytes // 1024} KiB."))

    def _has_enough(self) -> bool:
        return self._body is not None and self._body.total_bytes >= self._bounds.body_bytes

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take a parsed message. Nobody here waits for an interim answer, and to one question there is one answer."""
        message, body = data
        if message.code < _FINAL and message.code != _SWITCHING_PROTOCOLS:
            self._interim += 1
        elif self._body is None:
            self._body = body
            self._expecting = message.code != _SWITCHING_PROTOCOLS  # of another protocol nothing is read
            super().feed_data(data, size)
        else:
            self._hang_up()

    def _fail(self, error: BaseException) -> None:
        self._break_off(error)
        self.set_exception(error)
        self._hang_up()

    def _break_off(self, error: BaseException) -> None:
        # what came of the body stays readable: aiohttp would give an error in its place
        if self._body is not None and not self._body.is_eof():
            self._heard.error = error if isinstance(error, Exception) else aiohttp.ClientPayloadError()
            self._body.feed_eof()

    def _hang_up(self) -> None:
        # what was understood stays to be read; abort(), which aiohttp has, would forget the error
        self.force_close()
        self._expecting = False
        self._pending.clear()
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Give the connection up at once: a polite end waits for a peer that may never read, and goes on reading."""
        self._expecting = False
        self._pending.clear()
        self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note the end once everything before it was parsed."""
        if self._pending:
            self._lost = (exc,)
        else:
            self._end(exc)

    def _end(self, exc: BaseException | None) -> None:
        self._payload = None  # to which aiohttp would give an error
        super().connection_lost(exc)
        self._break_off(aiohttp.ClientPayloadError())
