"""Answers of endpoints as they are in life: the status line decides, whatever comes after it, and one POST is one attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from opsloop_common.outbound.client import OutboundClient, OutboundError
from opsloop_common.outbound.rules import AddressPolicy, parse_networks
from opsloop_common.testing.receiver import Answer, WebhookReceiver

LOOPBACK = AddressPolicy(allowed=parse_networks("127.0.0.0/8"))
OK = b"HTTP/1.1 200 OK\r\n"
TOO_MANY_INTERIM = "More than 4 interim answers (1xx) came before the final one."
BROKEN_OFF = "The connection ended before the answer was whole."
UNREADABLE = "The answer was not readable HTTP."


class Peer:
    """Sends these bytes to each request, piece by piece, and then closes the connection or keeps still."""

    def __init__(self, *pieces: bytes, closes: bool = True) -> None:
        self.pieces, self.closes = pieces, closes
        self.heads: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(2)
                for piece in self.pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)  # so that the pieces come one by one
                if self.closes:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the sender hung up
        finally:
            writer.close()


@asynccontextmanager
async def listening(*pieces: bytes, closes: bool = True) -> AsyncIterator[Peer]:
    peer = Peer(*pieces, closes=closes)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield peer
    server.close()


async def told(*pieces: bytes, closes: bool = True, seconds: float = 5.0) -> tuple[int | str, bytes, str | None]:
    """Return status, body and flaw of the answer to one call, or the class of its failure; one POST at any rate."""
    async with listening(*pieces, closes=closes) as peer, OutboundClient(LOOPBACK, timeout_seconds=seconds) as client:
        try:
            answer = await client.post(peer.url, b"{}", {})
        except OutboundError as error:
            return error.failure, b"", error.detail
        finally:
            assert len(peer.heads) == 1
        return answer.status, answer.body, answer.flaw


@pytest.mark.parametrize(
    ("pieces", "status", "body", "flaw"),
    [
        ([OK + b"content-length: 2\r\n\r\nok"], 200, b"ok", None),
        ([OK + b"\r\nuntil the end"], 200, b"until the end", None),
        ([b"HTTP/1.0 202\r\n\r\n"], 202, b"", None),
        ([b"\r\nHTTP/1.1 201 \xd2\xd1\xca\xd5\r\ncontent-length: 0\r\n\r\n"], 201, b"", None),
        ([b"HTTP/1.1 204 No Content\r\n\r\nall the same"], 204, b"", None),
        ([b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello"], 204, b"", None),
        ([b"HTTP/1.1 204 No Content\r\n\r\n", b"<html>late</html>"], 204, b"", None),
        ([b"HTTP/1.1 304 Not Modified\r\n\r\nx"], 304, b"", None),
        ([b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK + b"content-length: 2\r\n\r\nok"], 200, b"ok", None),
        ([b"HTTP/1.1 10", b"0 Continue\r\n", b"\r\nHTTP/1", b".1 503 Busy\r", b"\ncontent-length: 100\r\n\r\nno"], 503, b"no", BROKEN_OFF),
        ([OK + b"content-length: 100\r\n\r\nshort"], 200, b"short", BROKEN_OFF),
        ([b"HTTP/1.1 410 Gone\r\ncontent-length: 9\r\n\r\n"], 410, b"", BROKEN_OFF),
        ([b"HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"], 500, b"hello", BROKEN_OFF),
        ([OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n"], 200, b"hello", UNREADABLE),
        ([OK + b"x: " + b"a" * 9_000 + b"\r\ncontent-length: 2\r\n\r\nok"], 200, b"ok", None),
        ([OK + b"x: " + b"a" * 40_000 + b"\r\ncontent-length: 2\r\n\r\nok"], 200, b"", UNREADABLE),
        ([OK + b"x: y\r\n" * 100 + b"\r\n"], 200, b"", UNREADABLE),
        ([OK + b"content-length: x\r\n\r\n"], 200, b"", UNREADABLE),
        ([OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab"], 200, b"", UNREADABLE),
        ([OK + b"no header at all\r\n\r\n"], 200, b"", UNREADABLE),
        ([OK], 200, b"", "The connection failed."),
        ([b"HTTP/1.1 200 " + b"x" * 5_000 + b"\r\ncontent-length: 2\r\n\r\nok"], 200, b"ok", None),
        ([b"HTTP/1.1 200 " + b"x" * 40_000 + b"\r\ncontent-length: 2\r\n\r\nok"], 200, b"", UNREADABLE),
        ([b"HTTP/1.1 410 " + b"x" * 100_000 + b"\r\n\r\n"], 410, b"", UNREADABLE),
        ([b"HTTP/1.1 200 ", b"x" * 40, b"x" * 40], 200, b"", "The connection failed."),
        ([b"HTTP/1.1 103 " + b"x" * 100 + b"\r\n\r\n" + OK + b"content-length: 0\r\n\r\n"], 200, b"", None),
        ([b"HTTP/1.1 xxx " + b"x" * 100_000 + b"\r\n\r\n"], "protocol", b"", UNREADABLE),
        ([b"HTTP/1.1 200 O"], "connection", b"", "The connection failed."),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], "connection", b"", "The connection failed."),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 4 + OK + b"content-length: 2\r\n\r\nok"], 200, b"ok", None),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 5 + OK + b"content-length: 2\r\n\r\nok"], "protocol", b"", TOO_MANY_INTERIM),
        ([b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"] * 5 + [OK], "protocol", b"", TOO_MANY_INTERIM),
        ([b"HTTP/1.1 102 Processing\r\nx: " + b"a" * 5_000 + b"\r\n\r\n"] * 20, "protocol", b"", TOO_MANY_INTERIM),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], "protocol", b"", UNREADABLE),
        ([b"HTTP/9.9 200 OK\r\n\r\n"], "protocol", b"", UNREADABLE),
        ([], "connection", b"", "The connection failed."),
    ],
)  # fmt: skip
async def test_the_status_line_decides(pieces, status, body, flaw):
    assert await told(*pieces) == (status, body, flaw)


@pytest.mark.parametrize(
    ("pieces", "status", "body"),
    [
        ([OK + b"content-length: 100\r\n\r\n", b"slow"], 200, b"slow"),
        ([b"HTTP/1.1 410 Gone\r\n", b"x: "], 410, b""),
        ([b"HTTP/1.1 20"], "timeout", b""),
        ([], "timeout", b""),
    ],
)
async def test_a_status_counts_though_the_rest_never_comes(pieces, status, body):
    late = "No complete answer within 15 seconds."

    assert await told(*pieces, closes=False, seconds=0.3) == (status, body, late)


async def test_a_kept_connection_that_was_closed_is_asked_again_and_a_fresh_one_is_not():
    async with WebhookReceiver().running() as receiver, OutboundClient(LOOPBACK) as client:
        receiver.answer_with(200, Answer(hang_up=True), 202)  # kept; closed as it is used; the fresh one after it
        assert (await client.post(receiver.url, b"{}", {})).status == 200
        assert (await client.post(receiver.url, b"{}", {})).status == 202
        assert len(receiver.requests) == 3

        receiver.answer_with(Answer(hang_up=True), Answer(hang_up=True))  # kept, and then fresh
        with pytest.raises(OutboundError):
            await client.post(receiver.url, b"{}", {})
        assert len(receiver.requests) == 5

        receiver.answer_with(Answer(hang_up=True))  # fresh: one POST is one attempt
        with pytest.raises(OutboundError):
            await client.post(receiver.url, b"{}", {})
        assert len(receiver.requests) == 6


async def test_a_kept_connection_that_ends_within_its_answer_is_not_asked_again():
    async with listening(OK + b"content-length: 0\r\n\r\n", closes=False) as peer, OutboundClient(LOOPBACK) as client:
        await client.post(peer.url, b"{}", {})
        peer.pieces, peer.closes = (b"HTTP/1.1 2",), True
        with pytest.raises(OutboundError):
            await client.post(peer.url, b"{}", {})

        assert len(peer.heads) == 2


async def test_asks_for_answers_that_can_be_read_as_they_come():
    async with listening(OK + b"content-length: 0\r\n\r\n") as peer, OutboundClient(LOOPBACK) as client:
        await client.post(peer.url, b"{}", {})

    assert b"accept-encoding: identity\r\n" in peer.heads[0].lower()


async def test_what_an_answer_says_twice_is_one_list():
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nx: 1\r\nretry-after: 5\r\ncontent-length: 0\r\n\r\n"
    async with listening(head) as peer, OutboundClient(LOOPBACK) as client:
        answer = await client.post(peer.url, b"{}", {})

    assert answer.headers == {"retry-after": "120, 5", "x": "1", "content-length": "0"}
