"""Asking an address that somebody gave: one GET without a body, as guarded and bounded as a POST."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from opsloop_common.outbound.client import BlockedTarget, OutboundClient, OutboundError
from opsloop_common.outbound.rules import AddressPolicy, parse_networks
from opsloop_common.outbound.wire import Bounds

LOOPBACK = AddressPolicy(allowed=parse_networks("127.0.0.0/8"))
SMALL = Bounds(answer_bytes=4_096, body_bytes=1_024)
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def listening(heads, *answers):
    """Answer one request after the other with bytes, on as many connections as it takes; None hangs up."""
    left = list(answers)

    async def serve(reader, writer):
        try:
            while left:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                answer = left.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/numbers?a=1"
    server.close()


async def test_it_asks_for_the_address_and_sends_nothing_along():
    heads = []
    async with listening(heads, OK + b"content-length: 2\r\n\r\n42") as url, OutboundClient(LOOPBACK) as client:
        answer = await client.get(url, {"accept": "application/json"})

    lines = heads[0].decode().lower().split("\r\n")
    assert (answer.status, answer.body, answer.flaw) == (200, b"42", None)
    assert (lines[0], "accept: application/json" in lines) == ("get /numbers?a=1 http/1.1", True)
    assert not [line for line in lines if line.startswith(("content-", "transfer-", "cookie", "user-agent"))]


@pytest.mark.parametrize(
    ("said", "status", "kept", "flaw"),
    [
        pytest.param(OK + b"content-length: 1024\r\n\r\n" + b"x" * 1_024, 200, 1_024, None, id="as much as is kept"),
        pytest.param(OK + b"content-length: 2000\r\n\r\n" + b"x" * 2_000, 200, 1_024, None, id="more"),
        pytest.param(OK + b"\r\n" + b"x" * 9_000, 200, 1_024, None, id="more than any, and no length"),
        pytest.param(
            OK + b"x: " + b"y" * 9_000 + b"\r\n\r\n", 200, 0, "The answer was longer than 4 KiB.", id="a long head"
        ),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n", 302, 0, None, id="moved"
        ),
    ],
)
async def test_of_an_answer_no_more_is_read_than_the_client_wants(said, status, kept, flaw):
    heads = []
    async with listening(heads, said) as url, OutboundClient(LOOPBACK, bounds=SMALL) as client:
        answer = await client.get(url, {})

    assert (answer.status, len(answer.body), answer.flaw, len(heads)) == (status, kept, flaw, 1)


async def test_a_kept_connection_that_was_closed_costs_a_second_try_and_no_third():
    heads = []
    whole = OK + b"content-length: 1\r\n\r\n1"
    async with listening(heads, whole, None, whole) as url, OutboundClient(LOOPBACK) as client:
        answers = [await client.get(url, {}) for _ in range(2)]
    assert ([answer.body for answer in answers], len(heads)) == ([b"1", b"1"], 3)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest", "nonsense"])
async def test_what_may_not_be_posted_to_may_not_be_asked(url):
    async with OutboundClient(LOOPBACK) as client:
        with pytest.raises(BlockedTarget):
            await client.get(url, {})


async def test_one_that_hangs_up_without_a_word_is_no_answer():
    heads = []
    async with listening(heads, b"") as url, OutboundClient(LOOPBACK) as client:
        with pytest.raises(OutboundError) as caught:
            await client.get(url, {})
    assert (caught.value.failure, len(heads)) == ("connection", 1)


async def test_it_is_asked_what_may_be_done_there():
    heads = []
    allowed = b"HTTP/1.1 204 No Content\r\nAllow: POST\r\nWebHook-Allowed-Origin: *\r\n\r\n"
    async with listening(heads, allowed) as url, OutboundClient(LOOPBACK) as client:
        answer = await client.options(url, {"webhook-request-origin": "ops.example.com"})

    assert heads[0].lower().startswith(b"options /numbers?a=1 http/1.1\r\n")
    assert (answer.status, answer.headers["webhook-allowed-origin"]) == (204, "*")


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://169.254.169.254/latest", "nonsense"])
async def test_what_may_not_be_called_is_not_asked_either(url):
    async with OutboundClient(LOOPBACK) as client:
        with pytest.raises(BlockedTarget):
            await client.options(url, {})
