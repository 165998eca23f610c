"""The HTTP front over real sockets: what comes too slowly, or is more than may be held."""

import asyncio
import socket
from contextlib import suppress

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from structlog.testing import capture_logs

from opsloop_common import limits
from opsloop_common.access.addresses import caller, counted_as, networks, scheme
from opsloop_common.front import front as watch
from opsloop_common.front.front import Front, connection_bound
from opsloop_common.runner.server import listen, serving
from opsloop_common.testing.front import answer, ask, connected, server

CHUNKED = b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(limits, "KEEP_ALIVE_SECONDS", 0.6)
    monkeypatch.setattr(limits, "CLOSING_SECONDS", 0.3)
    monkeypatch.setattr(watch, "WATCH_SECONDS", 0.05)


async def end_of(reader):
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHo", b"408"),
        (b"\r\n", b"408"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", b"408"),
        (b"POST / HTTP/1.1\r\n" + CHUNKED, b"408"),
    ],
)
async def test_who_is_too_slow_is_told(quick, sent, told):
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(sent)
        said = await end_of(reader)
    assert told in said[:15]
    assert bool(said) is bool(told)


@pytest.mark.parametrize(("then", "told"), [(b"", b""), (b"\r\n", b"408"), (b"GET", b"408")])
async def test_a_kept_connection_has_its_time_and_a_head_begun_on_it_less(quick, then, told):
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await answer(reader))[0] == 200
        await asyncio.sleep(0.4)  # longer than a head may take, shorter than a kept connection is kept
        writer.write(then)
        began = asyncio.get_running_loop().time()
        said = await end_of(reader)
        assert asyncio.get_running_loop().time() - began < 0.55
    assert told in said[:15]


async def test_a_trickle_does_not_help(quick):
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        said = asyncio.create_task(end_of(reader))
        async with asyncio.timeout(10):
            while not said.done():
                writer.write(b"a: b\r\n")
                await asyncio.sleep(0.05)
        assert b"408" in said.result()[:15]


async def test_who_waits_for_100_continue_is_not_slow(quick):
    async def slow_to_ask(scope, receive, send):
        await asyncio.sleep(0.6)  # longer than a body may be silent
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": body})

    listener = listen("127.0.0.1", 0)
    app = Starlette(routes=[Mount("/", slow_to_ask)])
    async with serving(app, listener), connected(listener.getsockname()[1]) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await answer(reader))[2] == b"abc"


async def test_an_answer_that_nobody_reads_is_dropped(quick, monkeypatch):
    async with server() as (front, port), connected(port) as (_, writer):
        writer.transport.pause_reading()
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        async with asyncio.timeout(5):
            while not front.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            while front.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert front.unread_bytes == 0


async def test_of_unread_answers_the_oldest_goes_when_they_are_too_much(monkeypatch):
    monkeypatch.setattr(limits, "UNREAD_ANSWER_BYTES", 2_000_000)
    async with server() as (front, port), connected(port) as (_, first), connected(port) as (reader, second):
        first.transport.pause_reading()
        first.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        async with asyncio.timeout(5):
            while not front.unread:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            second.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            assert len((await answer(reader))[2]) == 8_000_000
            while len(front.connections) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def connect():
    """Open connections that are closed with the test."""
    writers = []

    async def connect(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def hold(connection, size, *, key=None):
    """Send all of a body but its end; returns the connection."""
    reader, writer = connection
    lines = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % (size + 1)
    writer.write(lines + (b"Authorization: Bearer %s\r\n" % key if key else b"") + b"\r\n" + b"x" * size)
    return reader, writer


async def held(front, size):
    async with asyncio.timeout(5):
        while front.held[None] < size:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("bound", "keys", "status"),
    [
        ("BODY_BYTES_PER_KEY", (b"one", b"one"), 429),
        ("BODY_BYTES_PER_ADDRESS", (b"one", b"two"), 429),
        ("BODY_BYTES_PER_PROCESS", (None, b"two"), 503),
    ],
)
async def test_unfinished_bodies_count_until_they_are_answered(monkeypatch, connect, bound, keys, status):
    monkeypatch.setattr(limits, bound, 1_000_000)
    async with server() as (front, port):
        reader, writer = await hold(await connect(port), 600_000, key=keys[0])
        await held(front, 600_000)
        refused, _ = await hold(await connect(port), 600_000, key=keys[1])
        got, headers, _ = await answer(refused)
        small, small_writer = await hold(await connect(port), 10, key=keys[0])
        small_writer.write(b"x")
        assert (await answer(small))[0] == 200
        assert (got, headers["retry-after"], headers["connection"]) == (status, "10", "close")

        writer.write(b"x")
        assert (await answer(reader))[2] == b"POST / 600001 "
        assert front.held[None] == 0
        again, again_writer = await hold(await connect(port), 600_000, key=keys[1])
        again_writer.write(b"x")
        assert (await answer(again))[0] == 200


@pytest.mark.parametrize("bound", ["BODY_BYTES_PER_ADDRESS", "BODY_BYTES_PER_PROCESS"])
async def test_who_holds_most_gives_way_to_who_holds_little(monkeypatch, connect, bound):
    monkeypatch.setattr(limits, bound, 1_000_000)
    async with server() as (front, port):
        small = await hold(await connect(port), 200_000, key=b"small")
        ahead = await hold(await connect(port), 400_000, key=b"large")
        behind = await hold(await connect(port), 390_000, key=b"large")
        await held(front, 990_000)

        reader, writer = await hold(await connect(port), 90_000, key=b"another")
        writer.write(b"x")
        assert (await answer(reader))[2] == b"POST / 90001 "
        status, headers, _ = await answer(behind[0])
        assert (status, headers["retry-after"], headers["connection"]) == (429, "10", "close")
        for (reader, writer), size in ((small, 200_001), (ahead, 400_001)):
            writer.write(b"x")
            assert (await answer(reader))[2] == b"POST / %d " % size
        assert front.held.total() == 0
        assert not front.holders


async def test_among_keys_that_hold_the_same_the_address_that_holds_most_gives_way(monkeypatch, connect):
    monkeypatch.setattr(limits, "BODY_BYTES_PER_PROCESS", 1_000_000)
    head = (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\nX-Forwarded-For: %s\r\n\r\n"
    )
    async with server(Front(trusted=networks("127.0.0.0/8"))) as (front, port):
        crowd = [await connect(port) for _ in range(9)]
        for number, (_, writer) in enumerate(crowd):
            writer.write(head % (110_001, b"%d" % number, b"9.9.9.%d" % (number % 2)) + b"x" * 110_000)
        await held(front, 990_000)
        status, _, body = await ask(port, head % (110_001, b"other", b"8.8.8.8") + b"x" * 110_001)
        assert (status, body) == (200, b"POST / 110001 ")
        assert front.held["9.9.9.0"] == 4 * 110_000
        assert front.held["9.9.9.1"] == 4 * 110_000
        for _, writer in crowd:
            writer.close()


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 1000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nf4240\r\n"]
)
async def test_a_body_has_come_whole_in_time_or_is_refused(monkeypatch, framing):
    monkeypatch.setattr(watch, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(limits, "BODY_BYTES_PER_SECOND", 1e9)
    async with server() as (_, port), connected(port) as (reader, writer):
        writer.write(
            b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"x" * 900_000
        )  # ahead of the least rate for a minute
        assert (await answer(reader))[0] == 408


async def test_a_key_is_one_however_its_header_is_spelled(monkeypatch, connect):
    monkeypatch.setattr(limits, "BODY_BYTES_PER_KEY", 1_000_000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 600001\r\nAuthorization: %s\r\n\r\n"
    async with server() as (front, port):
        _, writer = await connect(port)
        writer.write(head % b"Bearer one" + b"x" * 600_000)
        await held(front, 600_000)
        for spelled in (b"bearer   one", b"BEARER one ", b"Bearer \xa0one"):
            status, _, _ = await ask(port, head % spelled + b"x" * 600_000)
            assert status == 429, spelled
        writer.close()


async def test_connections_beyond_the_bound_close_the_oldest_silent_ones_and_say_so_once(connect):
    front = Front(connections=32)
    async with server(front) as (_, port):
        with capture_logs() as logs:
            async with connected(port) as (kept, kept_writer):
                kept_writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await answer(kept)
                silent = [await connect(port) for _ in range(100)]
                status, _, _ = await ask(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                kept_writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                still = (await answer(kept))[0]
                await asyncio.sleep(0.05)  # a turn of a loop with a deadline
                ended = [reader.at_eof() for reader, _ in silent]
                count = len(front.connections)
    assert (status, still) == (200, 200)
    assert count <= 16  # half of the bound is the share of one address
    assert ended[0]
    assert not ended[-1]
    assert len([line for line in logs if line["event"].startswith("too many connections")]) == 1


async def test_a_trusted_proxy_has_more_than_the_share_of_an_address(connect):
    front = Front(connections=32, trusted=networks("127.0.0.0/8"))
    async with server(front) as (_, port):
        silent = [await connect(port) for _ in range(100)]
        async with asyncio.timeout(5):
            while len(front.connections) < 32:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(silent) == 100


def test_who_is_counted():
    trusted = networks("10.0.0.0/8, fd00::/8")
    forwarded = [(b"x-forwarded-for", b"6.6.6.6, 9.9.9.9"), (b"x-forwarded-for", b"10.1.1.1")]

    assert caller("10.2.2.2", forwarded, trusted) == "9.9.9.9"
    assert caller("9.1.1.1", forwarded, trusted) == "9.1.1.1"
    assert caller("::ffff:10.2.2.2", forwarded, trusted) == "9.9.9.9"
    assert caller("10.2.2.2", [], trusted) == "10.2.2.2"
    for spelled in (b"9.9.9.9:4711", b"9.9.9.9:4711, 10.1.1.1:80", b"[::ffff:9.9.9.9]:80", b"::ffff:9.9.9.9"):
        assert counted_as(caller("10.2.2.2", [(b"x-forwarded-for", spelled)], trusted)) == "9.9.9.9", spelled
    assert caller("10.2.2.2", [(b"x-forwarded-for", b"[2001:db8::1]:80")], trusted) == "2001:db8::1"
    assert scheme([(b"x-forwarded-proto", b"http"), (b"x-forwarded-proto", b"HTTPS")]) == "https"
    assert scheme([(b"x-forwarded-proto", b"gopher")]) is None
    assert caller("10.2.2.2", [(b"x-forwarded-for", b"nonsense")], trusted) == "nonsense"
    assert counted_as("2001:db8:1:2:3:4:5:6") == counted_as("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert counted_as("::ffff:9.9.9.9") == counted_as("9.9.9.9") == "9.9.9.9"


async def test_an_address_without_a_key_asks_so_much_and_probes_and_keys_as_they_like(monkeypatch):
    monkeypatch.setattr(limits, "KEYLESS_PER_SECOND", 0.001)
    monkeypatch.setattr(limits, "KEYLESS_AT_ONCE", 5)

    async def got(port, path, *lines):
        head = b"".join(line + b"\r\n" for line in (b"GET %s HTTP/1.1" % path, b"Host: a", *lines))
        status, headers, _ = await ask(port, head + b"\r\n")
        return status, headers.get("retry-after")

    key = b"Authorization: Bearer x"
    async with server(Front(trusted=networks("127.0.0.0/8"))) as (front, port):
        assert [await got(port, b"/openapi.json") for _ in range(6)] == [(200, None)] * 5 + [(429, "10")]
        for path, *lines in (
            (b"/openapi.json?/v1/", key),  # what needs no key gets no more by one
            (b"/v1/feedback", b"Authorization: Basic x"),
            (b"/x/healthz",),
        ):
            assert (await got(port, path, *lines))[0] == 429, path
        for path, *lines in (
            (b"/v1/feedback", key),
            (b"/healthz",),
            (b"/api/feedback/readyz?verbose",),
            (b"/openapi.json", b"X-Forwarded-For: 9.9.9.9"),
        ):
            assert (await got(port, path, *lines))[0] == 200, path
        async with connected(port) as (reader, writer):  # what came before is answered first
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await answer(reader))[0] == 200
        assert front.refused.labels("keyless")._value.get() == 5


async def test_many_requests_without_a_key_are_begun_in_turns_and_others_go_between(connect):
    begun = []

    async def notes(scope, receive, send):
        begun.append(scope["path"])
        await PlainTextResponse("")(scope, receive, send)

    listener = listen("127.0.0.1", 0)
    async with serving(Starlette(routes=[Mount("/", notes)]), listener):
        crowd = [await connect(listener.getsockname()[1]) for _ in range(61)]
        for _, writer in crowd[:-1]:
            writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        crowd[-1][1].write(b"GET /v1/feedback HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n")
        for reader, _ in crowd:
            assert (await answer(reader))[0] == 200
    assert begun.index("/v1/feedback") < 30


@pytest.mark.parametrize(("trusted", "seen"), [("10.0.0.0/8", "http 127.0.0.1"), ("127.0.0.0/8", "https 9.9.9.9")])
async def test_the_app_sees_the_caller_whom_the_front_counts(trusted, seen):
    async def says_who_asks(scope, receive, send):
        await PlainTextResponse(f"{scope['scheme']} {scope['client'][0]}")(scope, receive, send)

    listener = socket.create_server(
        ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True
    )  # peers come as ::ffff:127.0.0.1
    app = Starlette(routes=[Mount("/", says_who_asks)])
    raw = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 9.9.9.9:4711\r\nX-Forwarded-Proto: https\r\n\r\n"
    async with serving(app, listener, Front(trusted=networks(trusted))):
        _, _, body = await ask(listener.getsockname()[1], raw)
    assert body.decode().replace("::ffff:", "") == seen


def test_connections_leave_files_for_everything_else():
    assert connection_bound(4096, None) == 4096
    assert connection_bound(4096, 1_000_000) == 4096
    assert connection_bound(4096, 1024) == 768
    assert connection_bound(4096, 256) == 128
