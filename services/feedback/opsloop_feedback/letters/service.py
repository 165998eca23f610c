"""Has mails read: each by a process of its own (`letters.reading`), a few at a time."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from opsloop_common.deadline import stopped
from opsloop_common.errors import Unavailable
from opsloop_common.foreign import readable
from opsloop_common.limits import MAIL_BYTES, MAIL_READ_SECONDS

READERS = 2
WAIT_SECONDS = 30.0
_PROGRAM = "opsloop_feedback.letters.reading"


@dataclass(frozen=True)
class LetterFile:
    """A file that came with a mail; what it is called and what it is said to be are its sender's words."""

    name: str | None
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Letter:
    """What a mail says. `automatic`: why nobody wrote it; `answers`: Message-IDs, the nearest first; `to`: all whom it names."""

    message_id: str | None
    answers: tuple[str, ...]
    automatic: str | None
    from_name: str | None
    from_address: str | None
    to: tuple[str, ...]
    subject: str | None
    said_at: datetime | None
    locale: str | None
    text: str
    is_cut: bool
    files: tuple[LetterFile, ...]


class LetterReader:
    """Reads mails, two at a time: one that takes long lets another pass."""

    def __init__(self, *, seconds: float = 3 * MAIL_READ_SECONDS, readers: int = READERS) -> None:
        self._seconds = seconds
        self._free = asyncio.Semaphore(readers)

    async def read(self, raw: bytes) -> Letter | None:
        """Return what a mail says, None for one that cannot be read in time, in memory, or at all.

        Raises Unavailable (503) when others are read for too long before it.
        """
        with stopped():
            return await self._read(raw)

    async def _read(self, raw: bytes) -> Letter | None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError as error:
            raise Unavailable("Too much mail is being read; bring it again.", headers={"Retry-After": "30"}) from error
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                _PROGRAM,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
            )
            try:
                async with asyncio.timeout(self._seconds):
                    answer, _ = await process.communicate(raw)
            except TimeoutError:
                return None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        finally:
            self._free.release()
        if process.returncode != 0 or len(answer) > 2 * MAIL_BYTES:
            return None
        return await asyncio.to_thread(readable, _letter, answer)


def _letter(answer: bytes) -> Letter:
    (length,) = struct.unpack_from("!I", answer)
    document: dict[str, Any] = orjson.loads(answer[4 : 4 + length])
    files, start = [], 4 + length
    for each in document["files"]:
        files.append(LetterFile(each["name"], each["media_type"], answer[start : start + each["size"]]))
        start += each["size"]
    said_at = document["said_at"] and datetime.fromisoformat(document["said_at"])
    lists = {"answers": tuple(document["answers"]), "to": tuple(document["to"]), "files": tuple(files)}
    return Letter(**(document | lists | {"said_at": said_at}))
