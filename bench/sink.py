"""The cheapest HTTP receiver there is, as a process of its own: counts POSTs, answers 204, tells on GET what it saw.

What is posted below `/hang` is never answered. `GET /each` tells of each path by itself, as `<webhook-id> <path>`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Sink(asyncio.Protocol):
    """One connection. Keeps the arrival time of every `webhook-id` for the GET that asks for them."""

    arrived: dict[str, float] = {}  # noqa: RUF012 one process, one sink
    by_path: dict[str, float] = {}  # noqa: RUF012
    total = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Cut requests out of the stream and answer each."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode("latin-1")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
            }
            length = int(headers.get("content-length", 0))
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(head, headers)

    def answer(self, head: str, headers: dict[str, str]) -> None:
        """Count a POST; tell and forget on GET."""
        if head.startswith("GET"):
            seen = {"arrived": Sink.by_path} if head.startswith("GET /each") else {"arrived": Sink.arrived}
            body = json.dumps({"total": Sink.total} | seen).encode()
            Sink.total, Sink.arrived, Sink.by_path = 0, {}, {}
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            return
        if head.startswith("POST /hang"):
            return
        Sink.total += 1
        name, now = headers.get("webhook-id", ""), time.time()
        Sink.arrived.setdefault(name, now)
        Sink.by_path.setdefault(f"{name} {head.split(' ', 2)[1]}", now)
        self.transport.write(ANSWER)


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
