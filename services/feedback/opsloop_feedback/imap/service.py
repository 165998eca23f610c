"""One look at a folder of an IMAP server, by Python's own client in a thread, with bounds on all that the server says.

The server is whoever a workspace names: its address is judged before it is called, the connection goes to that very address, and
what it may send, and how long it may take, is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from opsloop_common import tls
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.limits import IMAP_ANSWER_BYTES, IMAP_MAILS, IMAP_SECONDS, IMAP_WAIT_SECONDS, MAIL_BYTES
from opsloop_common.outbound.rules import AddressPolicy
from opsloop_feedback.imap.rules import Failure, Place, begin_at, new_uids, windows

THREADS = 16  # a server that hangs holds one for a minute at most, and its workspace has few
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,12})")


class Failed(Exception):
    """A look that came to nothing; says why, and nothing of what the server said."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True)
class Target:
    """A folder, and how one gets there."""

    host: str
    port: int
    is_tls: bool
    user_name: str
    password: str
    folder: str


@dataclass(frozen=True)
class Fetched:
    """A mail. `raw` None: it is larger than what is taken, and was left where it is."""

    uid: int
    size: int
    raw: bytes | None


@dataclass(frozen=True)
class Look:
    """What a look brought: mails in their order, up to where that is, and whether there is more."""

    mails: Sequence[Fetched]
    place: Place
    has_more: bool


class _Client(imaplib.IMAP4):
    """Python's client on a connection that is there already, with a bound on what it reads."""

    def __init__(self, target: Target, connection: socket.socket) -> None:
        self._connection = connection
        self.left = IMAP_ANSWER_BYTES
        super().__init__(target.host, target.port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self._connection

    def read(self, size: int) -> bytes:
        """Read so many bytes of a mail, if that many are let in."""
        self._take(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Read a line."""
        try:
            line = super().readline()
        except self.error as error:  # longer than a line may be: no word of the command's own
            raise self.abort("the server says too much in one line") from error
        self._take(len(line))
        return line

    def _take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise self.abort("the server says too much")


class _Connections:
    """The connections of one look. Once its time is over none is begun or gone on with, so that its thread ends too."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self._is_over = False

    def add(self, connection: socket.socket) -> None:
        """Note a connection; raises Failed when the time is over."""
        self._open.append(connection)
        if self._is_over:
            self.end()
            raise Failed(Failure.TIMEOUT)

    def end(self) -> None:
        """Close them all."""
        self._is_over = True
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # whoever waits for it is told
            each.close()


class Fetcher:
    """Looks at folders: each in a thread, for a minute at most. `trusted` None: whoever the system's authorities vouch for."""

    def __init__(
        self, policy: AddressPolicy, *, trusted: ssl.SSLContext | None = None, seconds: float = IMAP_SECONDS
    ) -> None:
        self._policy = policy
        self._trusted = trusted
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="imap")

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def look(self, target: Target, known: Place | None) -> Look:
        """Return the mails after a known place, the oldest first, some megabytes at most; raises Failed."""
        opened = _Connections()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                return await loop.run_in_executor(self._threads, self._look, target, known, opened)
        except TimeoutError as error:
            raise Failed(Failure.TIMEOUT) from error
        finally:
            opened.end()

    def _look(self, target: Target, known: Place | None, opened: _Connections) -> Look:
        connection = self._connected(target)
        opened.add(connection)
        try:
            with reading():
                return self._asked(target, known, connection, opened)
        except Unreadable as error:
            raise _failed(error.__cause__) from error

    def _connected(self, target: Target) -> socket.socket:
        if self._policy.is_own(target.host, target.port):
            raise Failed(Failure.BLOCKED_TARGET)
        try:
            infos = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Failed(Failure.DNS) from error
        addresses = [str(info[4][0]) for info in infos]
        if not self._policy.allows_all(addresses, target.port):
            raise Failed(Failure.BLOCKED_TARGET)
        try:
            return socket.create_connection((addresses[0], target.port), timeout=IMAP_WAIT_SECONDS)
        except TimeoutError as error:
            raise Failed(Failure.TIMEOUT) from error
        except OSError as error:
            raise Failed(Failure.CONNECTION) from error

    def _asked(self, target: Target, known: Place | None, connection: socket.socket, opened: _Connections) -> Look:
        context = self._trusted or tls.of_clients()
        if target.is_tls:
            connection = context.wrap_socket(connection, server_hostname=target.host)
            opened.add(connection)
        client = _Client(target, connection)
        try:
            if not target.is_tls:
                client.starttls(context)
                opened.add(client.sock)
            _sign_in(client, target)
            validity, next_uid = _selected(client, target.folder)
            return _found(client, begin_at(known, validity=validity, next_uid=next_uid), next_uid)
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                client.shutdown()  # without a LOGOUT, whose answer would be one more wait


def _failed(error: BaseException | None) -> Failed:
    match error:
        case Failed():
            return error
        case ssl.SSLError() | ssl.CertificateError():
            return Failed(Failure.TLS)
        case TimeoutError():
            return Failed(Failure.TIMEOUT)
        case OSError():
            return Failed(Failure.CONNECTION)
        case _:
            return Failed(Failure.PROTOCOL)


def _sign_in(client: _Client, target: Target) -> None:
    try:
        if "AUTH=PLAIN" in client.capabilities or not f"{target.user_name}{target.password}".isascii():
            client.authenticate("PLAIN", lambda _: f"\0{target.user_name}\0{target.password}".encode())
        else:
            client.login(target.user_name, target.password)
    except client.abort:
        raise
    except client.error as error:
        raise Failed(Failure.SIGN_IN) from error


def _selected(client: _Client, folder: str) -> tuple[int, int]:
    quoted = folder.replace("\\", "\\\\").replace('"', '\\"')
    status, _ = client.select(f'"{quoted}"', readonly=True)
    if status != "OK":
        raise Failed(Failure.FOLDER)
    return _number(client, "UIDVALIDITY"), _number(client, "UIDNEXT")


def _number(client: _Client, name: str) -> int:
    _, data = client.response(name)
    if not data or not isinstance(data[0], bytes) or not data[0].isdigit():
        raise Failed(Failure.PROTOCOL)
    return int(data[0][:20])


def _found(client: _Client, place: Place, next_uid: int) -> Look:
    mails: list[Fetched] = []
    room = MAIL_BYTES
    for first, last in windows(place, next_uid):
        for uid in new_uids(_searched(client, first, last), first, last):
            size = _size(client, uid)
            if size is None:  # it was moved meanwhile
                continue
            room -= min(size, MAIL_BYTES)
            if mails and (room < 0 or len(mails) == IMAP_MAILS):
                return Look(mails, Place(place.validity, mails[-1].uid), has_more=True)
            raw = None if size > MAIL_BYTES else _raw(client, uid, size)
            mails.append(Fetched(uid, size, raw))
    return Look(mails, Place(place.validity, max(place.uid, next_uid - 1)), has_more=False)


def _searched(client: _Client, first: int, last: int) -> Iterator[int]:
    _, data = client.uid("SEARCH", f"UID {first}:{last}")
    for line in data:
        for number in (line or b"").split():
            if number.isdigit():
                yield int(number[:20])


def _size(client: _Client, uid: int) -> int | None:
    for part in _fetched(client, uid, "(UID RFC822.SIZE)"):
        found = _SIZE.search(part if isinstance(part, bytes) else part[0]) if part else None
        if found:
            return int(found[1])
    return None


def _raw(client: _Client, uid: int, size: int) -> bytes:
    client.left += size + 64 * 1024
    for part in _fetched(client, uid, "(UID BODY.PEEK[])"):
        if isinstance(part, tuple):
            return bytes(part[1])
    return b""


def _fetched(client: _Client, uid: int, what: str) -> Sequence[Any]:
    status, data = client.uid("FETCH", str(uid), what)
    return data if status == "OK" else ()
