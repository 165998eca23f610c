"""An alerting hook on this machine: takes signed webhooks and checks them as Standard Webhooks 1.0 says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

TAKEN = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender holds `secret` (`whsec_…`)."""
    key = b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    ours = "v1," + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(ours, theirs) for theirs in headers["webhook-signature"].split())


@dataclass(frozen=True)
class Call:
    """One webhook as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """Return the CloudEvent."""
        event: dict[str, Any] = orjson.loads(self.body)
        return event


@dataclass
class Receiver:
    """Keeps every call; `url` is where to send them."""

    calls: list[Call] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Receiver]:
        """Take calls for the length of the block."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/alerts"
        try:
            yield self
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:]
            pairs = (line.partition(":") for line in head if line)
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.calls.append(Call(headers, body))
            writer.write(TAKEN)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
