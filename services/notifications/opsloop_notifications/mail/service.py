"""The mail server: connections that are kept and reused, and what its answers mean. The only user of aiosmtplib."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import unquote, urlsplit

import aiosmtplib

from opsloop_common import limits
from opsloop_common.tls import hardened
from opsloop_notifications.mail import rules
from opsloop_notifications.mail.holding import Hold as Hold
from opsloop_notifications.mail.writing import BadMail as BadMail
from opsloop_notifications.mail.writing import Written as Written
from opsloop_notifications.mail.writing import write as write

QUIT_SECONDS = 2.0  # a courtesy: nothing waits longer for a server that fell silent
IDLE_SECONDS = 20.0
MAILS_PER_CONNECTION = 200


class MailRefused(Exception):
    """The server will never take this mail; the text is its answer."""


class MailDelayed(Exception):
    """The mail did not go out now, and may later."""


class SessionRefused(MailDelayed):
    """The server takes no mail from us now, whoever it is for. The text is its answer, `status` that without its words."""

    def __init__(self, answer: str, status: str) -> None:
        super().__init__(answer)
        self.status = status


@dataclass
class _Connection:
    client: aiosmtplib.SMTP
    used: int = 0
    last_used: float = field(default_factory=time.monotonic)


class MailServer:
    """One SMTP server given as `smtp://user:password@host:port` or `smtps://…`. Use as an async context manager."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("OPSLOOP_SMTP_URL must look like smtp://user:password@host:port")
        self._host = parts.hostname
        self._use_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._use_tls else 25)
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls = hardened(ssl.create_default_context())  # once: it reads all authorities, which takes 20 ms
        self._slots = asyncio.Semaphore(limits.MAIL_CONNECTIONS)
        self._idle: list[_Connection] = []

    async def __aenter__(self) -> MailServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*[_quit(connection) for connection in self._idle])

    async def send(self, mail: Written) -> None:
        """Hand one mail over.

        Raises MailRefused (5xx: never again), SessionRefused (5xx, but about us) or MailDelayed (4xx, no connection: later).
        """
        options = ["SMTPUTF8"] if mail.is_international else []
        try:
            # a server may take its time for each answer, but not for all of them
            async with self._slots, asyncio.timeout(limits.MAIL_SECONDS), self._connection() as connection:
                await connection.client.sendmail(mail.sender, [mail.recipient], mail.content, mail_options=options)
                connection.used += 1
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _verdict(error.recipients[0].code, error.recipients[0].message, names_somebody=True) from error
        except aiosmtplib.SMTPResponseException as error:
            named = isinstance(error, aiosmtplib.SMTPDataError)
            raise _verdict(error.code, error.message, names_somebody=named) from error
        except (aiosmtplib.SMTPNotSupported, ValueError) as error:
            raise MailRefused("the mail server does not take this address or text") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailDelayed("the mail server could not be reached") from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        connection = await self._kept() or await self._connect()
        with ExitStack() as unless_kept:
            unless_kept.callback(_hang_up, connection.client)
            try:
                yield connection
            except aiosmtplib.SMTPReadTimeoutError:
                self._doubt()
                raise
            except aiosmtplib.SMTPResponseException:
                await _reset(connection)
                unless_kept.pop_all()
                self._keep(connection)
                raise
            unless_kept.pop_all()
        self._keep(connection)

    def _keep(self, connection: _Connection) -> None:
        if connection.client.is_connected and connection.used < MAILS_PER_CONNECTION:
            connection.last_used = time.monotonic()
            self._idle.append(connection)
        else:
            _hang_up(connection.client)

    async def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            idle_seconds = time.monotonic() - connection.last_used
            if idle_seconds > IDLE_SECONDS or not connection.client.is_connected:
                await _quit(connection)
            elif idle_seconds < limits.MAIL_QUIET_SECONDS or await _lives(connection):
                return connection
            else:
                self._doubt()
        return None

    def _doubt(self) -> None:
        """Give up what is kept: where one connection fell silent, the others of its age are not tried one by one."""
        while self._idle:
            _hang_up(self._idle.pop().client)

    async def _connect(self) -> _Connection:
        async with asyncio.timeout(limits.MAIL_CONNECT_SECONDS):
            return await self._connected()

    async def _connected(self) -> _Connection:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            sock=await _open_socket(self._host, self._port),
            username=self._username,
            password=self._password,
            use_tls=self._use_tls,
            timeout=limits.MAIL_REPLY_SECONDS,
            tls_context=self._tls,
        )
        with ExitStack() as unless_connected:
            unless_connected.callback(_hang_up, client)
            try:
                await client.connect()
            except (
                aiosmtplib.SMTPNotSupported,
                ValueError,
            ) as error:  # the settings ask for what the server does not have
                raise SessionRefused("the mail server does not take our settings", "settings") from error
            unless_connected.pop_all()
        return _Connection(client)


async def _open_socket(host: str, port: int) -> socket.socket:
    # of our own making, for the small buffer: it bounds what a server can send in one turn of the loop
    loop = asyncio.get_running_loop()
    failed: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with ExitStack() as unless_connected:
            opened = unless_connected.enter_context(socket.socket(family, kind, protocol))
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.CALL_RECEIVE_BUFFER_BYTES)
            try:
                await loop.sock_connect(opened, address)
            except OSError as error:
                failed = error
            else:
                unless_connected.pop_all()
                return opened
    raise failed


async def _lives(connection: _Connection) -> bool:
    try:
        await connection.client.noop(timeout=limits.MAIL_PROOF_SECONDS)
    except (aiosmtplib.SMTPException, OSError):
        _hang_up(connection.client)
        return False
    return True


async def _reset(connection: _Connection) -> None:
    with suppress(aiosmtplib.SMTPException, OSError):
        await connection.client.rset()


async def _quit(connection: _Connection) -> None:
    with suppress(aiosmtplib.SMTPException, OSError):
        await connection.client.quit(timeout=QUIT_SECONDS)
    _hang_up(connection.client)


def _hang_up(client: aiosmtplib.SMTP) -> None:
    # at once: a polite end waits until a server that may never read has read everything
    transport = client.transport
    client.close()
    if transport is not None:
        transport.abort()  # type: ignore[attr-defined]  # always a socket's


def _verdict(code: int, answer: str, *, names_somebody: bool) -> MailRefused | MailDelayed:
    said = f"{code} {rules.readable(answer)}"
    if rules.is_of_the_session(code, answer, names_somebody=names_somebody):
        return SessionRefused(said, rules.status_of(code, answer))
    return MailRefused(said) if rules.refuses(code) else MailDelayed(said)
