"""A mailbox on this machine: just enough SMTP to take what a mail client sends, and keep it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy

REPLIES = {"HELO": "250 demo", "EHLO": "250 demo", "RSET": "250 ok", "NOOP": "250 ok", "MAIL": "250 ok"}


@dataclass(frozen=True)
class Mail:
    """One mail as it came."""

    recipients: list[str]
    subject: str


@dataclass
class Mailbox:
    """Takes every mail; `url` is the value for OPSLOOP_SMTP_URL."""

    mails: list[Mail] = field(default_factory=list)
    url: str = ""
    _talks: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Mailbox]:
        """Take mail for the length of the block."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in self._talks.values():
                writer.close()
            await asyncio.gather(*self._talks)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 asyncio makes one for each connection
        self._talks[task] = writer
        task.add_done_callback(self._talks.pop)
        recipients: list[str] = []
        reply = "220 demo"
        try:
            while True:
                writer.write(f"{reply}\r\n".encode())
                await writer.drain()
                line = (await reader.readline()).decode(errors="replace").strip()
                verb = line[:4].upper()
                match verb:
                    case "RCPT":
                        recipients.append(line.partition("<")[2].partition(">")[0])
                        reply = "250 ok"
                    case "DATA":
                        writer.write(b"354 go on\r\n")
                        content = await reader.readuntil(b"\r\n.\r\n")
                        subject = message_from_bytes(content, policy=policy.default)["subject"]
                        self.mails.append(Mail(recipients, str(subject)))
                        recipients, reply = [], "250 kept"
                    case "QUIT" | "":
                        return
                    case _:
                        reply = REPLIES.get(verb, "502 not here")
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
