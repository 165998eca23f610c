"""An SMTP sink for tests: takes every mail, keeps it, and refuses whom it is told to refuse."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Mail:
    """One mail as it came; `mail["subject"]` reads a header, decoded."""

    sender: str
    recipients: list[str]
    message: EmailMessage

    def __getitem__(self, header: str) -> str:
        return str(self.message[header])

    @property
    def text(self) -> str:
        """Return the plain text of the mail, lines ended by newlines."""
        part = self.message.get_body(("plain",))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


class SmtpSink:
    """Listens on 127.0.0.1 without TLS or sign-in."""

    def __init__(self) -> None:
        self.messages: list[Mail] = []
        self.connections = 0
        self.port = 0
        self._replies: defaultdict[str, deque[str]] = defaultdict(deque)
        self._arrived = asyncio.Condition()

    @property
    def url(self) -> str:
        """Return the value for OPSLOOP_SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    def refuse(self, address: str, *replies: str) -> None:
        """Answer the next mails to `address` with these SMTP replies, `550 no such user` when none is given."""
        self._replies[address].extend(replies or ["550 5.1.1 no such user"])

    async def wait_for(self, count: int, *, within: float = 30.0) -> list[Mail]:
        """Wait until at least `count` mails have come and return them; raises TimeoutError."""
        async with asyncio.timeout(within), self._arrived:
            await self._arrived.wait_for(lambda: len(self.messages) >= count)
        return list(self.messages)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SmtpSink]:
        """Listen for the length of the block."""
        loop = asyncio.get_running_loop()
        open_connections: set[asyncio.BaseTransport] = set()

        def connected() -> SMTP:
            self.connections += 1
            return _Connection(open_connections, self, enable_SMTPUTF8=True, loop=loop)

        server = await loop.create_server(connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for transport in list(open_connections):
                transport.abort()  # type: ignore[attr-defined]  # always a socket here
            await server.wait_closed()

    async def handle_RCPT(  # noqa: N802 aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse one recipient."""
        if self._replies[address]:
            return self._replies[address].popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        """Keep the mail."""
        content = envelope.original_content or b""
        message: Any = message_from_bytes(content, policy=policy.default)
        async with self._arrived:
            self.messages.append(Mail(str(envelope.mail_from), list(envelope.rcpt_tos), message))
            self._arrived.notify_all()
        return "250 OK"


class _Connection(SMTP):
    """Known to the sink, which would otherwise wait for idle senders at its end."""

    def __init__(self, opened: set[asyncio.BaseTransport], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._opened.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is not None:
            self._opened.discard(self.transport)
        super().connection_lost(error)
