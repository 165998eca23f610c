"""What is said to a mail server once a session stands: commands go together where it allows that (RFC 2920, PIPELINING).

aiosmtplib opens, secures and signs in; it asks for one answer after the other, and loses those that come together.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence

from aiosmtplib import SMTPResponse, SMTPResponseException, SMTPServerDisconnected

LINE_BYTES = 8_192  # RFC 5321 has 512; many say more
ANSWER_BYTES = 4 * LINE_BYTES
NO_ANSWER = -1
"""The code of what is no answer of the protocol."""
_UNSAFE = re.compile(rb"[\r\n\0]")
_STUFFED = re.compile(rb"^\.", re.MULTILINE)
_CODE = re.compile(rb"[0-9]{3}(?![0-9A-Za-z])")


class Dialogue(asyncio.Protocol):
    """Commands and their answers over one connection. `is_pipelining`: the server takes commands before it answered others."""

    def __init__(self, transport: asyncio.Transport, *, is_pipelining: bool) -> None:
        self.is_pipelining = is_pipelining
        self._transport = transport
        self._partial = b""
        self._said: list[bytes] = []  # the lines of an answer that goes on
        self._said_bytes = 0
        self._answers: deque[SMTPResponse] = deque()
        self._asked = 0  # answers that are owed
        self._fault: Exception | None = None
        self._heard: asyncio.Future[None] | None = None
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Say whether something can be said: nothing is owed, and nothing came that nobody asked for."""
        return self.is_connected and not (self._asked or self._partial or self._said)

    @property
    def is_connected(self) -> bool:
        """Say whether the connection stands, whatever is going on over it."""
        return self._fault is None and not self._transport.is_closing()

    def tell(self, commands: Sequence[bytes]) -> None:
        """Send command lines, each of which is answered. Raises ValueError for one that would be several."""
        if any(_UNSAFE.search(command) for command in commands):
            raise ValueError("a command is one line")
        self._write(b"".join(command + b"\r\n" for command in commands), answers=len(commands))

    def tell_content(self, content: bytes) -> None:
        """Send a mail, of which all lines end with CRLF, and its end, which is answered."""
        self._write(_STUFFED.sub(b"..", content) + b".\r\n", answers=1)

    def _write(self, data: bytes, *, answers: int) -> None:
        if self._transport.is_closing():
            raise SMTPServerDisconnected("the connection is lost")
        self._asked += answers
        self._transport.write(data)

    async def answer(self, *, within: float) -> SMTPResponse:
        """Return the next answer. Raises TimeoutError, and what an answer that is none, or the end of the connection, is."""
        if not self._answers and self._fault is None:
            self._heard = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(within):
                    await self._heard
            finally:
                self._heard = None
        if self._answers:
            self._asked -= 1
            return self._answers.popleft()
        raise self._fault or SMTPServerDisconnected("the connection is lost")

    def hang_up(self) -> None:
        """End the connection at once: a polite end waits until a server that may never read has read everything."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take answers apart, as far as they are asked for."""
        if self._fault is not None:
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            if self._fault is None:
                self._hear(line)
        if len(self._partial) > LINE_BYTES:
            self._fail(SMTPResponseException(NO_ANSWER, "a line is too long"))
        if self._answers or self._fault is not None:
            self._wake()

    def _hear(self, line: bytes) -> None:
        self._said_bytes += len(line)
        if _CODE.match(line) is None or len(line) > LINE_BYTES or self._said_bytes > ANSWER_BYTES:
            self._fail(SMTPResponseException(NO_ANSWER, "this is no answer"))
            return
        self._said.append(line[4:].strip(b" \t\r"))
        if line[3:4] == b"-":
            return
        if len(self._answers) >= self._asked:
            self._fail(SMTPServerDisconnected("the server spoke unasked"))
            return
        words = b"\n".join(self._said).decode("utf-8", "surrogateescape")
        self._answers.append(SMTPResponse(int(line[:3]), words))
        self._said, self._said_bytes = [], 0

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits for an answer."""
        self._fail(SMTPServerDisconnected("the connection is lost"))
        self._wake()

    def _fail(self, fault: Exception) -> None:
        self._fault = self._fault or fault

    def _wake(self) -> None:
        if self._heard is not None and not self._heard.done():
            self._heard.set_result(None)
