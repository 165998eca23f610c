"""A mail server as a process of its own: slow for whoever is at `slow.test`; tells on a second port when which mail came."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from aiosmtpd.smtp import SMTP, Envelope, Session

SLOW_SECONDS = 0.5


class Mails:
    """Takes every mail and keeps only when each recipient's came."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        """Take one mail, after half a second where the recipient's server is asked first."""
        (address,) = envelope.rcpt_tos
        if address.endswith("@slow.test"):
            await asyncio.sleep(SLOW_SECONDS)
        else:
            self.arrived.setdefault(address, time.time())
        return "250 OK"

    async def tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer any request with what has come."""
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"arrived": self.arrived}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


async def main(port: int, told_port: int) -> None:
    """Serve until killed."""
    mails, loop = Mails(), asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(mails, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port)
    told = await asyncio.start_server(mails.tell, "127.0.0.1", told_port)
    async with smtp, told:
        await asyncio.gather(smtp.serve_forever(), told.serve_forever())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
