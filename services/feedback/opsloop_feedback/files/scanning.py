"""ClamAV, asked over TCP whether a file carries a virus (its command INSTREAM, documented in clamd(8))."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import IO

from opsloop_common.deadline import stopped
from opsloop_common.errors import Invalid, Unavailable
from opsloop_common.limits import CLAMAV_SECONDS

_PIECE_BYTES = 64 * 1024
_ANSWER_BYTES = 4 * 1024


class Scanner:
    """One clamd. What it does not answer for is not taken: a file that nobody looked at may be what it is there for."""

    def __init__(self, host: str, port: int, *, seconds: float = CLAMAV_SECONDS) -> None:
        self._host, self._port, self._seconds = host, port, seconds

    async def scan(self, file: IO[bytes]) -> None:
        """Look at a file from its beginning, and leave it there; raises Invalid (422), Unavailable (503)."""
        try:
            with stopped():
                async with asyncio.timeout(self._seconds):
                    answer = await self._asked(file)
        except (OSError, TimeoutError, asyncio.LimitOverrunError, EOFError) as error:
            raise _silent() from error
        finally:
            await asyncio.to_thread(file.seek, 0)
        if answer.endswith(b"FOUND"):
            raise Invalid("", "carries a virus")
        if not answer.endswith(b"OK"):
            raise _silent()

    async def _asked(self, file: IO[bytes]) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=_ANSWER_BYTES)
        try:
            writer.write(b"zINSTREAM\0")
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                writer.write(struct.pack("!L", len(piece)) + piece)
                await writer.drain()
            writer.write(struct.pack("!L", 0))
            return (await reader.readuntil(b"\0")).rstrip(b"\0").strip()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _silent() -> Unavailable:
    return Unavailable("Files cannot be looked at for viruses now.", headers={"Retry-After": "30"})
