"""ClamAV's protocol, spoken with a server that speaks it, and what becomes of a file that it does not like."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opsloop_common.errors import Invalid, Unavailable
from opsloop_common.testing.http import MakeApi, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.files.scanning import Scanner
from opsloop_feedback.settings import FeedbackSettings

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
HANGS = b"hang up"
SILENT = b"say nothing"


@asynccontextmanager
async def clamd() -> AsyncIterator[int]:
    """Listen as clamd does, on a free port: it knows the test file of the antivirus trade alone."""
    leave = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        data = b""
        while size := struct.unpack("!L", await reader.readexactly(4))[0]:
            data += await reader.readexactly(size)
        if data == SILENT:
            await leave.wait()
        elif data != HANGS:
            writer.write(b"stream: Eicar-Signature FOUND\0" if EICAR in data else b"stream: OK\0")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        leave.set()


async def test_a_file_is_looked_at_and_left_at_its_beginning() -> None:
    async with clamd() as port:
        file = io.BytesIO(b"x" * 300_000)
        await Scanner("127.0.0.1", port).scan(file)
        assert file.tell() == 0


async def test_a_virus_is_found() -> None:
    async with clamd() as port:
        with pytest.raises(Invalid) as refused:
            await Scanner("127.0.0.1", port).scan(io.BytesIO(EICAR))
    assert refused.value.errors[0].detail == "carries a virus"


@pytest.mark.parametrize("data", [HANGS, SILENT])
async def test_who_does_not_answer_lets_nothing_pass(data: bytes) -> None:
    async with clamd() as port:
        with pytest.raises(Unavailable):
            await Scanner("127.0.0.1", port, seconds=0.3).scan(io.BytesIO(data))


async def test_nobody_there_lets_nothing_pass() -> None:
    async with clamd() as port:
        pass
    with pytest.raises(Unavailable):
        await Scanner("127.0.0.1", port).scan(io.BytesIO(b"x"))


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_what_carries_a_virus_is_never_stored(api: MakeApi, tmp_path: Path) -> None:
    async with clamd() as port:
        url = f"tcp://127.0.0.1:{port}"
        door = await api(SERVICE, settings_for_tests(FeedbackSettings, attachments_path=tmp_path, clamav_url=url))
        headers = await door.key("feedback:submit")
        refused = await door.client.post("/v1/attachments", content=EICAR, headers=headers)
        taken = await door.client.post("/v1/attachments", content=b"fine", headers=headers)

    assert (refused.status_code, taken.status_code) == (422, 201)
    assert contents(tmp_path) == [b"fine"]
