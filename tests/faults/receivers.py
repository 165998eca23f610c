"""Five endpoints on one port that check each call and keep of it what the books need: many thousand calls fit in memory."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from opsloop_notifications.signing.rules import read_secret, verify

ENDPOINTS = 5
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
Pair = tuple[int, str]
"""An endpoint and a `webhook-id`."""


@dataclass
class Receivers:
    """What came, of each endpoint and event; `secrets` are the endpoints' by their places."""

    port: int = 0
    secrets: list[bytes] = field(default_factory=list)
    calls: Counter[Pair] = field(default_factory=Counter)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The data of each event, by its id."""
    complaints: list[str] = field(default_factory=list)
    connections: int = 0
    _digests: dict[str, bytes] = field(default_factory=dict)

    def url(self, place: int) -> str:
        """Return the address of an endpoint."""
        return f"http://127.0.0.1:{self.port}/{place}"

    @property
    def repeats(self) -> int:
        """Return how many calls were not the first of their pair."""
        return self.calls.total() - len(self.calls)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Check a call and keep it; a `webhook-id` says the same to everybody, however often."""
        place, name = int(path.lstrip("/")), headers["webhook-id"]
        if not verify(self.secrets[place], headers, body, int(time.time())):
            self.complaints.append(f"{name} at {place}: the signature is wrong")
        digest = blake2b(body, digest_size=16).digest()
        if self._digests.setdefault(name, digest) != digest:
            self.complaints.append(f"{name} at {place}: another body under the same id")
        if name not in self.told:
            self.told[name] = json.loads(body)["data"]
        self.calls[place, name] += 1

    async def subscribe(self, client) -> None:
        """Make the endpoints, each with a secret of its own."""
        for place in range(ENDPOINTS):
            body = {"url": self.url(place), "event_types": ["feedback.received"]}
            answer = await client.post("/v1/webhooks", json=body)
            assert answer.status_code == 201, answer.text
            self.secrets.append(read_secret(answer.json()["secret"]))


class _Connection(asyncio.Protocol):
    def __init__(self, receivers: Receivers) -> None:
        self._receivers, self._read = receivers, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._receivers.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._receivers.connections -= 1

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._read[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = end + 4 + int(headers["content-length"])
            if len(self._read) < length:
                return
            self._receivers.take(first.split(" ")[1], headers, bytes(self._read[end + 4 : length]))
            del self._read[:length]
            self._transport.write(_TAKEN)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receivers]:
    """Listen for the length of the block."""
    receivers = Receivers()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(receivers), "127.0.0.1", 0)
    receivers.port = server.sockets[0].getsockname()[1]
    try:
        yield receivers
    finally:
        server.close()
