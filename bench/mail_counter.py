"""The cheapest mail server there is, as a process of its own: takes every mail after 5 ms, and counts them.

Tells on a second port how many came, and when the first and the last did.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

ANSWERS_AFTER_SECONDS = 0.005  # what a mail server near by takes to write a mail down


class Counter(asyncio.Protocol):
    """One connection: commands are answered at once, a mail's end after a while."""

    arrivals: list[float] = []  # noqa: RUF012 one process, one counter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport, self.buffer, self.is_data = transport, b"", False
        self.say(b"220 counter")

    def say(self, line: bytes) -> None:
        """Answer one line."""
        if not self.transport.is_closing():
            self.transport.write(line + b"\r\n")

    def data_received(self, data: bytes) -> None:
        """Cut commands and mails out of the stream."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n.\r\n" if self.is_data else b"\r\n")) >= 0:
            if self.is_data:
                self.buffer, self.is_data = self.buffer[end + 5 :], False
                asyncio.get_running_loop().call_later(ANSWERS_AFTER_SECONDS, self.taken)
            else:
                command, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
                self.hear(command[:4].upper())

    def taken(self) -> None:
        """Count a mail."""
        Counter.arrivals.append(time.time())
        self.say(b"250 taken")

    def hear(self, verb: bytes) -> None:
        """Answer one command."""
        match verb:
            case b"EHLO":
                self.say(b"250-counter\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 33554432")
            case b"DATA":
                self.is_data = True
                self.say(b"354 go on")
            case b"QUIT":
                self.say(b"221 bye")
                self.transport.close()
            case _:
                self.say(b"250 ok")


async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer any request with what came since the last one."""
    await reader.readuntil(b"\r\n\r\n")
    body = json.dumps(Counter.arrivals).encode()
    Counter.arrivals.clear()
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()


async def main(port: int, told_port: int) -> None:
    """Serve until killed."""
    smtp = await asyncio.get_running_loop().create_server(Counter, "127.0.0.1", port, backlog=1024)
    told = await asyncio.start_server(tell, "127.0.0.1", told_port)
    async with smtp, told:
        await asyncio.gather(smtp.serve_forever(), told.serve_forever())


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
