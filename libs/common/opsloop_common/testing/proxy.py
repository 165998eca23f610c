"""A TCP proxy that misbehaves as networks do: for tests of what happens when a peer falls silent."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 64 * 1024


@dataclass(eq=False)
class _Line:
    """One connection through the proxy."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    dead: bool = False
    """Both sides believe it to be open, and nothing passes any more."""
    deaf: bool = False
    """What the server says does not pass; what the client says does."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Proxy:
    """Listens on a TCP port (or a Unix socket) and hands on to `target`: (host, port) or the path of a Unix socket."""

    def __init__(self, target: tuple[str, int] | str, *, port: int = 0, path: str | None = None) -> None:
        self.target = target
        self.port = port
        self.path = path
        self.accepted = 0
        self.delay_seconds = 0.0
        """How long each piece of data takes, in each direction."""
        self._takes_new = asyncio.Event()
        self._takes_new.set()
        self._lines: set[_Line] = set()
        self._accepting: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Listen for the length of the block."""
        if self.path is not None:
            server = await asyncio.start_unix_server(self._accept, self.path)
        else:
            server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._accepting):
                task.cancel()
            if self._accepting:
                await asyncio.wait(self._accepting)
            for line in list(self._lines):
                await self._end(line)
            await server.wait_closed()

    def swallow(self) -> int:
        """Let nothing pass on the present connections ever again, without closing them; new ones work. Returns how many."""
        for line in self._lines:
            line.dead = True
        return len(self._lines)

    def deafen(self) -> int:
        """Let nothing of the server's pass on the present connections, while it still hears the client: half open."""
        for line in self._lines:
            line.deaf = True
        return len(self._lines)

    def shut(self) -> None:
        """Swallow what is there, and say nothing to new connections either until `open`."""
        self.swallow()
        self._takes_new.clear()

    def open(self) -> None:
        """Take new connections on again."""
        self._takes_new.set()

    async def reset(self) -> int:
        """End the present connections with a TCP reset; returns how many."""
        lines = list(self._lines)
        for line in lines:
            for writer in (line.near, line.far):
                end = writer.get_extra_info("socket")
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await self._end(line)
        return len(lines)

    def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.create_task(self._serve(reader, near))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    async def _serve(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            await self._takes_new.wait()
            far_reader, far = await self._connect()
        except (OSError, asyncio.CancelledError):
            near.transport.abort()
            return
        line = _Line(near, far)
        self._lines.add(line)
        line.tasks = [
            asyncio.create_task(self._carry(line, reader, far, heard=False)),
            asyncio.create_task(self._carry(line, far_reader, near, heard=True)),
        ]
        await asyncio.wait(line.tasks, return_when=asyncio.FIRST_COMPLETED)
        if not line.dead:  # else the other side is to go on believing
            await self._end(line)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _carry(
        self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, heard: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if line.dead or (heard and line.deaf):
                    continue
                writer.write(data)
                await writer.drain()

    async def _end(self, line: _Line) -> None:
        self._lines.discard(line)
        for task in line.tasks:
            task.cancel()
        for writer in (line.near, line.far):
            writer.transport.abort()
        if line.tasks:
            await asyncio.wait(line.tasks)
