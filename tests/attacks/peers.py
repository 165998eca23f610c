"""Peers that mean ill, in a process of their own: each listens on a port, reads what it is sent (or not) and misbehaves.

async with bad_peers("early_hints", ...) as ports: ...call http://127.0.0.1:{ports["early_hints"]}/...

Each connection sends at most FLOOD_BYTES within FLOOD_SECONDS.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import repeat
from pathlib import Path

FLOOD_BYTES = 64 * 1024 * 1024
FLOOD_SECONDS = 4.0
PIECE = 64 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


def _filled(unit: bytes) -> bytes:
    return unit * max(1, PIECE // len(unit))


def _endless(unit: bytes, *, after: bytes = b"") -> Callable[[], Iterator[bytes]]:
    def sends() -> Iterator[bytes]:
        if after:
            yield after
        yield from repeat(_filled(unit))

    return sends


def _bomb() -> bytes:
    packed = zlib.compressobj(9, wbits=31)
    return packed.compress(bytes(32 << 20)) + packed.flush()


BOMB = _bomb() if __name__ == "__main__" else b""


def _nothing() -> Iterator[bytes]:
    time.sleep(FLOOD_SECONDS)  # the silence
    return iter(())


def _drip(data: Iterable[bytes]) -> Iterator[bytes]:
    for piece in data:
        for byte in piece:
            time.sleep(0.0005)
            yield bytes([byte])


HTTP: dict[str, Callable[[], Iterator[bytes]]] = {
    "early_hints": _endless(b"HTTP/1.1 103 \r\n\r\n"),
    "early_hints_with_headers": _endless(b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n"),
    "continues": _endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "header_lines": _endless(b"a: b\r\n", after=OK),
    "header_line": _endless(b"a", after=OK + b"x: "),
    "header_name": _endless(b"a", after=OK),
    "status_line": _endless(b"a", after=b"HTTP/1.1 200 "),
    "line_ends": _endless(b"\r\n"),
    "nulls": _endless(b"\0"),
    "chunk_extensions": _endless(b"e", after=CHUNKED + b"1;"),
    "chunk_extension_each": _endless(b"1;a=b\r\nx\r\n", after=CHUNKED),
    "tiny_chunks": _endless(b"1\r\nx\r\n", after=CHUNKED),
    "trailers": _endless(b"t: v\r\n", after=CHUNKED + b"0\r\n"),
    "trailer_line": _endless(b"t", after=CHUNKED + b"0\r\nt: "),
    "body": _endless(b"x", after=OK + b"\r\n"),
    "body_of_a_tebibyte": _endless(b"x", after=OK + b"content-length: 1099511627776\r\n\r\n"),
    "length_too_long": lambda: iter([OK + b"content-length: 100\r\n\r\nshort"]),
    "length_negative": lambda: iter([OK + b"content-length: -1\r\n\r\nx"]),
    "length_twice": lambda: iter([OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx"]),
    "length_too_short": lambda: iter([OK + b"content-length: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"]),
    "gzip_bomb": lambda: iter([OK + b"content-encoding: gzip\r\n\r\n", BOMB]),
    "drip_head": lambda: _drip(_endless(b"a: b\r\n", after=OK)()),
    "drip_interim": lambda: _drip(_endless(b"HTTP/1.1 103 \r\n\r\n")()),
    "drip_body": lambda: _drip(_endless(b"x", after=OK + b"\r\n")()),
    "switches": _endless(b"x", after=b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    "answers_then_floods": _endless(OK + b"content-length: 0\r\n\r\n"),
    "answers_then_body": _endless(b"x", after=OK + b"content-length: 0\r\n\r\n"),
}
UNSPOKEN = ("silent", "resets", "reads_nothing", "hangs_up")
TLS = {
    "tls_silent": _nothing,
    "tls_garbage": _endless(b"\xff"),
    "tls_handshake": _endless(b"a", after=b"\x16\x03\x03\x40\x00\x02\xff\xff\xff"),
    "tls_alerts": _endless(b"\x15\x03\x03\x00\x02\x01\x00"),
    "tls_empty_records": _endless(b"\x16\x03\x03\x00\x00"),
}
SMTP: dict[str, Callable[[], Iterator[bytes]]] = {
    "smtp_silent": _nothing,
    "smtp_lines": _endless(b"220-a\r\n"),
    "smtp_line": _endless(b"a", after=b"220 "),
    "smtp_drip": lambda: _drip(_endless(b"220-a\r\n")()),
    "smtp_not_utf8": lambda: iter([b"554 \xff\xfe\x00 no\r\n"]),
    "smtp_garbage": _endless(b"\xff\r\n"),
}
# a server that behaves until it has read this, and then sends without end
SMTP_FLOODS = {
    "smtp_ehlo_lines": (b"EHLO", b"250-a\r\n"),
    "smtp_ehlo_line": (b"EHLO", b"a"),
    "smtp_rcpt_lines": (b"RCPT", b"250-a\r\n"),
    "smtp_mail_floods": (b"MAIL", b"250 OK\r\n"),
    "smtp_data_drips": (b"DATA", b""),
    "smtp_floods_when_done": (b".", b"250 OK\r\n"),
}


def _talk_smtp(connection: socket.socket, until: bytes, unit: bytes) -> None:
    connection.sendall(b"220 peer\r\n")
    with connection.makefile("rb") as lines:
        is_data = False
        for line in lines:
            command = line.strip().upper() if is_data else line[:4].strip().upper()
            if is_data and command != b".":
                continue
            if command == until:
                connection.sendall(b"250 OK\r\n" if until == b"." else b"")
                _send(connection, repeat(_filled(unit)) if unit else _drip(repeat(b"354-a\r\n")))
                return
            is_data = command == b"DATA"
            connection.sendall(b"354 go on\r\n" if is_data else b"250 OK\r\n")


def _read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(PIECE) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(lengths[0].partition(b":")[2]) - len(body) if lengths else 0
    while left > 0 and (chunk := connection.recv(PIECE)):
        left -= len(chunk)


def _send(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    ends, left = time.monotonic() + FLOOD_SECONDS, FLOOD_BYTES
    for piece in pieces:
        connection.sendall(piece)
        left -= len(piece)
        if left < 0 or time.monotonic() > ends:
            return


def _misbehave(kind: str, connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError), connection:
        connection.settimeout(FLOOD_SECONDS)
        if kind in SMTP:
            _send(connection, SMTP[kind]())
        elif kind in SMTP_FLOODS:
            _talk_smtp(connection, *SMTP_FLOODS[kind])
        elif kind in TLS:
            connection.recv(PIECE)
            _send(connection, TLS[kind]())
        elif kind in HTTP:
            _read_request(connection)
            _send(connection, HTTP[kind]())
        elif kind == "resets":
            _read_request(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif kind in ("silent", "reads_nothing"):
            if kind == "silent":
                _read_request(connection)
            time.sleep(FLOOD_SECONDS)  # the silence


def _serve_tls_records(connection: socket.socket, context: ssl.SSLContext) -> None:
    """Speak TLS properly, and send a record for each byte of an endless body, as fast as the wire takes them."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secured = context.wrap_bio(incoming, outgoing, server_side=True)

    def until_done(work: Callable[[], object]) -> None:
        while True:
            try:
                work()
                connection.sendall(outgoing.read())
                return
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(PIECE))

    with suppress(OSError), connection:
        connection.settimeout(FLOOD_SECONDS)
        until_done(secured.do_handshake)
        until_done(lambda: secured.read(PIECE))
        secured.write(CHUNKED + b"1;")
        for _ in range(100_000):
            secured.write(b"e")
        _send(connection, [outgoing.read()])


def _listen(kind: str, certificate: str | None) -> int:
    listener = socket.socket()
    if kind == "reads_nothing":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)

    def accept() -> None:
        context = None
        if certificate and kind == "tls_records":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        while True:
            connection, _ = listener.accept()
            work = (_serve_tls_records, connection, context) if context else (_misbehave, kind, connection)
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


@asynccontextmanager
async def bad_peers(*kinds: str, certificate: Path | None = None) -> AsyncIterator[dict[str, int]]:
    """Run these kinds for the length of the block; yields the port of each."""
    process = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, __file__, json.dumps(kinds), str(certificate or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield json.loads(await asyncio.to_thread(process.stdout.readline))
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)


if __name__ == "__main__":
    print(json.dumps({kind: _listen(kind, sys.argv[2] or None) for kind in json.loads(sys.argv[1])}), flush=True)
    sys.stdin.read()  # until the test is done
