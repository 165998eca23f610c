"""The HTTP front over real sockets: what is no request, and what is one in spite of its looks."""

import asyncio
import json

import pytest

from opsloop_common import limits
from opsloop_common.front import heads
from opsloop_common.testing.front import answer, ask, connected, server

CHUNKED = b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n"
MANY = b"".join(b"a%d: b\r\n" % n for n in range(limits.HEAD_LINES))


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a:80\r\n\r\n", 200),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 200),
        (b"GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (b"GET http://a HTTP/1.1\r\nHost: A\r\n\r\n", 200),
        (b"POST / HTTP/1.1\r\n" + CHUNKED + b"3;ext=1\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n", 200),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\na: b\r\n c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\na: \x00\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        *[
            (b"GET / HTTP/1.1\r\nHost: a\r\n%s: b\r\nx: y\r\n%s: b\r\n\r\n" % (name.title(), name), 400)
            for name in sorted(heads.SINGLE)
        ],
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nIf-Match: a\r\nIf-Match: b\r\nAccept: a\r\nAccept: b\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n",
            200,
        ),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
        (b"GET /\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /" + b"x" * limits.TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + MANY + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\na: " + b"x" * (limits.HEAD_BYTES + 32_768) + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\n" + CHUNKED + b"0\r\n" + MANY + b"b: c\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\n" + CHUNKED + b"1\r\na\r\n" * 30_000, 400),
        (b"POST / HTTP/1.1\r\n" + CHUNKED + b"1;" + b"e" * 100_000, 400),
    ],
)
async def test_each_oddity_of_http_has_its_answer(raw, status):
    async with server() as (_, port):
        got, headers, body = await ask(port, raw)
        again, _, _ = await ask(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert got == status, body
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-request-id"]
    assert again == 200
    if status >= 400 and status not in (404, 405):
        assert headers["content-type"] == "application/problem+json"
        assert headers["connection"] == "close"
        assert json.loads(body)["status"] == status


async def test_a_head_in_small_pieces_is_a_head():
    raw = b"GET /%s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (b"p" * 8000, MANY[: MANY.index(b"a90")])
    async with server() as (_, port):
        status, _, _ = await ask(port, *[raw[at : at + 100] for at in range(0, len(raw), 100)])
    assert status == 200


async def test_trailers_are_not_headers_of_the_request():
    raw = b"POST / HTTP/1.1\r\n" + CHUNKED + b"1\r\na\r\n0\r\nX-Late: seen\r\n\r\n"
    async with server() as (_, port):
        _, _, body = await ask(port, raw)
    assert body == b"POST / 1 "


@pytest.mark.parametrize("split", [True, False])
async def test_an_upgrade_that_nobody_speaks_is_a_request_as_any_other(split):
    head = (
        b"POST /java HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 3\r\nHost: a\r\n"
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n\r\n"
    )
    async with server() as (_, port), connected(port) as (reader, writer):
        if split:
            writer.write(head)
            await asyncio.sleep(0.05)  # so that they are two segments
            writer.write(b"abc")
        else:
            writer.write(head + b"abc")
        first = await answer(reader)
        writer.write(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        second = await answer(reader)
    assert first[::2] == (200, b"POST /java 3 ")
    assert second[::2] == (200, b"GET /next 0 ")


async def test_too_many_requests_ahead_of_their_answers_end_the_connection_after_the_last_answer():
    many = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(500))
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(many)
        answered = [await answer(reader) for _ in range(limits.PIPELINED_REQUESTS + 1)]
        rest = await asyncio.wait_for(reader.read(), 10)
    assert [body for _, _, body in answered] == [b"GET /%d 0 " % n for n in range(len(answered))]
    assert answered[-1][1]["connection"] == "close"
    assert rest == b""


@pytest.mark.parametrize(
    "target",
    [
        "/?q=支付",
        "/支付",
        "/a b",
        "/?q=支 付",
        "/?q=é".encode("latin-1"),
        "/?q=支付".encode("gbk"),
        "/#支",
        "支付",
        "/\u3000",
        "/?q=😀",
    ],
)
async def test_an_address_that_is_not_encoded_is_told_how_to_be(target):
    raw = target if isinstance(target, bytes) else target.encode()
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await answer(reader))[0] == 200
        writer.write(b"GET " + raw + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        status, _, body = await answer(reader)

    assert status == 400
    assert "支付 is %E6%94%AF%E4%BB%98" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("target", "is_taken"),
    [
        (b"/?text=%ff%fe", False),
        (b"/?text=%zz", False),
        (b"/?text=100%", False),
        (b"/?text=%4", False),
        (b"/?%D6%A7%B8%B6=1", False),  # 支付 in GBK
        (b"/v1/recipients/%C4%E3", False),
        (b"/?text=%E6%94", False),  # half of a character
        (b"/?text=%ED%A0%80", False),  # a lone surrogate
        (b"/?text=%C0%AF", False),  # a longer form of /
        (b"http://a/?text=%ff", False),
        (b"/?text=%E6%94%AF%E4%BB%98", True),
        (b"/?text=%e6%94%af", True),
        (b"/?text=100%25&a=b+c", True),
        (b"/a%2Fb?x=%F0%9F%98%80", True),
    ],
)
async def test_an_address_whose_encoding_is_none_of_utf8_is_told_how_to_be(target, is_taken):
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        status, _, body = await answer(reader)

    assert status == (200 if is_taken else 400)
    assert is_taken or "支付 is %E6%94%AF%E4%BB%98" in json.loads(body)["detail"]


async def test_what_is_malformed_behind_a_request_does_not_take_its_answer():
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(b"GET /good HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n")
        status, headers, body = await answer(reader)
        rest = await asyncio.wait_for(reader.read(), 10)
    assert (status, body, headers["connection"], rest) == (200, b"GET /good 0 ", "close", b"")


async def test_who_sends_first_and_reads_then_still_reads_an_early_answer():
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n" + b"x" * 8_000_000)
        await writer.drain()
        assert (await answer(reader))[2] == b"early"
        writer.write(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await answer(reader))[2] == b"GET /next 0 "


async def test_a_body_without_end_behind_its_answer_is_not_read_for_ever():
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(b"POST /early HTTP/1.1\r\n" + CHUNKED)
        assert (await answer(reader))[2] == b"early"
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                writer.write(chunk)
                await writer.drain()
                if writer.transport.is_closing():
                    raise ConnectionError
