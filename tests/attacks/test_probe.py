"""The watcher itself: it must see a server that stands still."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from tests.attacks.probe import Seen, watching

pytestmark = [pytest.mark.slow, pytest.mark.measured]


@pytest.mark.parametrize("fresh", [False, True])
async def test_it_sees_a_loop_that_stands_still(fresh: bool):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            await writer.drain()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async with watching(f"http://127.0.0.1:{port}/healthz", fresh=fresh) as seen:
        await asyncio.sleep(0.5)  # undisturbed
        time.sleep(0.4)  # noqa: ASYNC251 the loop is blocked on purpose
        await asyncio.sleep(0.2)  # undisturbed again

    server.close()
    assert seen().failed == 0
    assert seen().max_ms >= 300
    assert 0 < seen().alone_ms < 300
    with pytest.raises(AssertionError):
        seen().require()


def test_what_an_answer_takes_alone_is_no_fault():
    seen = Seen(count=200, failed=0, p50_ms=4, p99_ms=58, max_ms=90, alone_ms=8)

    seen.require()
    for worse in ({"p99_ms": 59}, {"alone_ms": 7}, {"max_ms": 251}, {"failed": 1}, {"count": 19}):
        with pytest.raises(AssertionError):
            replace(seen, **worse).require()
