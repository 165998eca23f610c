"""The mail server: connections that are kept and reused, and what its answers mean. With `dialogue` the only user of aiosmtplib."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit
from weakref import WeakSet

import aiosmtplib

from opsloop_common import limits, tls
from opsloop_common.foreign import Unreadable, reading
from opsloop_notifications.mail import rules
from opsloop_notifications.mail.dialogue import Dialogue
from opsloop_notifications.mail.pacing import Pace
from opsloop_notifications.mail.writing import Written

QUIT_SECONDS = 2.0  # a courtesy: nothing waits longer for a server that fell silent
IDLE_SECONDS = 20.0
CROWDED_SECONDS = 2.0
MAILS_PER_CONNECTION = 200


class MailRefused(Exception):
    """The server will never take this mail; the text is its answer.

    `status` is that without its words. `alike` is what it has in common with refusals of others, from which it can be seen whether
    they are about us; empty where it is about this mail for certain.
    """

    def __init__(self, answer: str, *, alike: str = "", status: str = "") -> None:
        super().__init__(answer)
        self.alike, self.status = alike, status


class MailDelayed(Exception):
    """The mail did not go out now, and may later; `alike` and `status` are those of MailRefused.

    `is_in_doubt`: it was handed over, and what the server made of it is not known.
    """

    def __init__(self, answer: str, *, alike: str = "", status: str = "", is_in_doubt: bool = False) -> None:
        super().__init__(answer)
        self.alike, self.status, self.is_in_doubt = alike, status, is_in_doubt


class SessionRefused(MailDelayed):
    """The server took no mail, whoever it is for: nobody was named yet."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the mail server takes nothing now ({status})", status=status)


class OneTooMany(MailDelayed):
    """The server takes no further connection while others of ours are at work."""


Stage = Literal["MAIL", "RCPT", "DATA"]
STAGES: tuple[Stage, ...] = ("MAIL", "RCPT", "DATA")
OK = 250
_TAKEN = {"MAIL": {OK}, "RCPT": {OK, 251}, "DATA": {354}}


@dataclass
class _Connection:
    client: aiosmtplib.SMTP  # which made it, and knows what the server can
    dialogue: Dialogue
    stage: Stage = "MAIL"
    used: int = 0
    last_used: float = field(default_factory=time.monotonic)


class MailServer:
    """One SMTP server given as `smtp://user:password@host:port` or `smtps://…`, with `?rate=50` for so many mails a second at most.

    Use as an async context manager.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("OPSLOOP_SMTP_URL must look like smtp://user:password@host:port")
        self._host = parts.hostname
        self._use_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._use_tls else 25)
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        rate = parse_qs(parts.query).get("rate")
        self._pace = Pace(float(rate[0]) if rate else None)
        self._tls = tls.of_clients()
        self._slots = asyncio.Semaphore(limits.MAIL_CONNECTIONS)
        self._idle: list[_Connection] = []
        self._opened: WeakSet[Dialogue] = WeakSet()

    @property
    def name(self) -> str:
        """Return host and port."""
        return f"{self._host}:{self._port}"

    async def __aenter__(self) -> MailServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*[_quit(connection) for connection in self._idle])

    async def send(self, mail: Written) -> None:
        """Hand one mail over.

        Which step is refused says who may be meant. Before a recipient is named it is us (SessionRefused, whatever the code), but for
        what this mail asks of the server. Then it is the recipient or the mail, or after all us: MailRefused (5xx), MailDelayed (4xx, or
        no answer). What was said on a connection that others used before may have been for them: it is asked again on a new one.
        """
        used: list[_Connection] = []
        await self._pace.wait()
        try:
            # a server may take its time for each answer, but not for all of them
            async with self._slots, asyncio.timeout(limits.MAIL_SECONDS):
                used += filter(None, [await self._kept()])
                if not used or not await self._went(used[0], mail):
                    used.append(await self._connect())
                    await self._hand_over(used[-1], mail)
        except OSError as error:  # a TimeoutError is one, and aiosmtplib's are
            is_in_doubt = bool(used) and used[-1].stage == "DATA"
            raise MailDelayed("the mail server gave no answer", is_in_doubt=is_in_doubt) from error

    async def _went(self, kept: _Connection, mail: Written) -> bool:
        """Say whether the mail went out on a kept connection; where it may have, that is not tried twice at once."""
        try:
            await self._hand_over(kept, mail)
        except (MailRefused, MailDelayed):
            return False
        except OSError as error:  # silence, or the connection is lost
            if isinstance(error, TimeoutError):
                self._doubt()
            if kept.stage == "DATA":
                raise
            return False
        return True

    async def _hand_over(self, connection: _Connection, mail: Written) -> None:
        with ExitStack() as unless_kept:
            unless_kept.callback(connection.dialogue.hang_up)
            try:
                with reading():
                    await _talk(connection, mail)
            except Unreadable as error:
                raise _meaning(error.__cause__, connection) from error.__cause__
            connection.used += 1
            if connection.dialogue.is_open and connection.used < MAILS_PER_CONNECTION:
                unless_kept.pop_all()
                connection.last_used = time.monotonic()
                self._idle.append(connection)

    async def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            idle_seconds = time.monotonic() - connection.last_used
            if idle_seconds > IDLE_SECONDS or not connection.dialogue.is_open:
                await _quit(connection)
            elif idle_seconds < limits.MAIL_QUIET_SECONDS or await _lives(connection):
                return connection
            else:
                self._doubt()
        return None

    def _doubt(self) -> None:
        """Give up what is kept: where one connection fell silent, the others of its age are not tried one by one."""
        while self._idle:
            self._idle.pop().dialogue.hang_up()

    async def _connect(self) -> _Connection:
        try:
            with reading():
                async with asyncio.timeout(limits.MAIL_CONNECT_SECONDS):
                    return await self._connected()
        except Unreadable as error:
            if any(dialogue.is_connected for dialogue in self._opened):
                await asyncio.sleep(CROWDED_SECONDS)  # with the place: so many fewer of us ask meanwhile
                raise OneTooMany("the mail server takes no further connection now") from error
            raise SessionRefused(_status_of_session(error.__cause__)) from error.__cause__

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
            await client.connect()
            if client.is_ehlo_or_helo_needed:  # after STARTTLS again
                await client.ehlo()
            dialogue = _taken_over(client)
            unless_connected.pop_all()
        self._opened.add(dialogue)
        return _Connection(client, dialogue)


def _taken_over(client: aiosmtplib.SMTP) -> Dialogue:
    transport, protocol = client.transport, client.protocol
    if transport is None or protocol is None or protocol._buffer:  # what nobody asked for would be the next answer
        raise aiosmtplib.SMTPServerDisconnected("the server spoke unasked")
    return Dialogue(transport, is_pipelining=client.supports_extension("pipelining"))  # type: ignore[arg-type]  # a socket's


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
        with reading():
            connection.dialogue.tell([b"NOOP"])
            await connection.dialogue.answer(within=limits.MAIL_PROOF_SECONDS)
    except Unreadable:
        connection.dialogue.hang_up()
        return False
    return True


async def _quit(connection: _Connection) -> None:
    with suppress(Unreadable), reading():
        connection.dialogue.tell([b"QUIT"])
        await connection.dialogue.answer(within=QUIT_SECONDS)
    connection.dialogue.hang_up()


def _hang_up(client: aiosmtplib.SMTP) -> None:
    # at once: a polite end waits until a server that may never read has read everything
    transport = client.transport
    client.close()
    if transport is not None:
        transport.abort()  # type: ignore[attr-defined]  # always a socket's


async def _talk(connection: _Connection, mail: Written) -> None:
    dialogue, sender = connection.dialogue, _sender(connection.client, mail)
    envelope = [sender.command(), b"RCPT TO:<%b>" % sender.written(mail.recipient), b"DATA"]
    if dialogue.is_pipelining:
        dialogue.tell(envelope)
    for command, stage in zip(envelope, STAGES, strict=True):
        connection.stage = stage
        if not dialogue.is_pipelining:
            dialogue.tell([command])
        answer = await dialogue.answer(within=limits.MAIL_REPLY_SECONDS)
        if answer.code not in _TAKEN[stage]:
            refused = aiosmtplib.SMTPResponseException(answer.code, answer.message)
            if stage == "MAIL":
                await _ask_without(dialogue, sender, refused)
            raise refused
    dialogue.tell_content(mail.content)
    answer = await dialogue.answer(within=limits.MAIL_REPLY_SECONDS)
    if answer.code != OK:
        raise aiosmtplib.SMTPResponseException(answer.code, answer.message)


@dataclass(frozen=True)
class _Sender:
    """Whom a mail comes back to, with what it asks of the server; `plain` is what it would ask for anybody."""

    address: str
    encoding: str
    options: tuple[str, ...]
    plain: tuple[str, ...]

    def written(self, address: str) -> bytes:
        return address.encode(self.encoding)

    def command(self, *, is_plain: bool = False) -> bytes:
        options = self.plain if is_plain else self.options
        return b" ".join([b"MAIL FROM:<%b>" % self.written(self.address), *[option.encode() for option in options]])


def _sender(client: aiosmtplib.SMTP, mail: Written) -> _Sender:
    if mail.is_international and not client.supports_extension("smtputf8"):
        if (mail.author + mail.sender).isascii():
            raise aiosmtplib.SMTPNotSupported("the recipient needs SMTPUTF8")
        raise SessionRefused("settings")
    size = (f"SIZE={len(mail.content)}",) if client.supports_extension("size") else ()
    letters = ("SMTPUTF8",) if mail.is_international else ()
    plain = () if (mail.author + mail.sender).isascii() else ("SMTPUTF8",)
    return _Sender(mail.sender, "utf-8" if mail.is_international else "ascii", size + letters, plain)


async def _ask_without(dialogue: Dialogue, sender: _Sender, refused: aiosmtplib.SMTPResponseException) -> None:
    """Find out whether a sender is refused for what the mail asks for: where the same without that is not, it is the mail's."""
    if sender.options == sender.plain:
        return
    if dialogue.is_pipelining:  # what was said together is answered first
        answers = [await dialogue.answer(within=limits.MAIL_REPLY_SECONDS) for _ in ("RCPT", "DATA")]
        if answers[-1].code in _TAKEN["DATA"]:
            return  # it takes a mail of nobody to nobody: nothing more can be asked here
    dialogue.tell([sender.command(is_plain=True)])
    answer = await dialogue.answer(within=limits.MAIL_REPLY_SECONDS)
    if answer.code not in _TAKEN["MAIL"]:
        raise aiosmtplib.SMTPResponseException(answer.code, answer.message)
    kind = MailRefused if rules.refuses(refused.code) else MailDelayed
    raise kind(_said(refused), status=rules.status_of(refused.code, refused.message)) from refused


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {rules.readable(error.message)}"


def _meaning(error: BaseException | None, connection: _Connection) -> Exception:
    """Return what a fault of the dialogue means for the mail, by the step it came at; silence and loss are what they are."""
    is_unnamed = connection.stage == "MAIL"
    match error:
        case MailRefused() | MailDelayed():
            return error
        case aiosmtplib.SMTPNotSupported() | ValueError():
            return MailRefused("the mail server does not take this address or text")
        case OSError() if connection.used or not is_unnamed:
            return error
        case _ if is_unnamed:
            return SessionRefused(_status_of_session(error))
        case aiosmtplib.SMTPResponseException() if rules.is_answer(error.code):
            kind = MailRefused if rules.refuses(error.code) else MailDelayed
            status = rules.status_of(error.code, error.message)
            alike = "" if rules.names_the_mail(error.code, error.message) else f"{connection.stage} {status}"
            return kind(_said(error), alike=alike, status=status)
        case _:
            return MailDelayed("the mail server's answer was no SMTP", is_in_doubt=connection.stage == "DATA")


def _status_of_session(error: BaseException | None) -> str:
    match error:
        case aiosmtplib.SMTPResponseException() if rules.is_answer(error.code):
            return rules.status_of(error.code, error.message)
        case aiosmtplib.SMTPResponseException():
            return "no SMTP"
        case OSError():
            return "no answer"
        case aiosmtplib.SMTPException() | ValueError():
            return "settings"  # they ask for what the server does not have
        case _:
            return "no SMTP"
