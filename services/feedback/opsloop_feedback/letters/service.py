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

from opsloop_common.foreign import readable
from opsloop_common.limits import MAIL_BYTES, MAIL_READ_SECONDS

READERS = 2
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

    def __init__(self, *, seconds: float = MAIL_READ_SECONDS, readers: int = READERS) -> None:
        self._seconds = seconds
        self._free = asyncio.Semaphore(readers)

    async def read(self, raw: bytes) -> Letter | None:
        """Return what a mail says, None for one that cannot be read in time, in memory, or at all."""
        async with self._free:
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
