"""One service's outbox as a log: the newest events in memory for consumers that keep up, the table for the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import text

from opsloop_common.db import Database
from opsloop_common.inbox.delivery import Delivery, read
from opsloop_common.turns import breathing

MEMORY_BYTES = 4 * 1024 * 1024
CHUNK = 500

_READ = text(
    "SELECT position, payload FROM (SELECT position, payload, sum(octet_length(payload)) OVER (ORDER BY position) "
    "- octet_length(payload) AS before FROM (SELECT position, payload FROM outbox WHERE position > :after "
    "ORDER BY position LIMIT :limit) AS next) AS read WHERE before < :bytes ORDER BY position"
)
_HEAD = text("SELECT coalesce(max(position), 0) FROM outbox")

Entry = tuple[int, Delivery]


@dataclass(slots=True)
class _Recent:
    """A published event; it is read only once, and only when somebody wants it."""

    position: int
    payload: str
    delivery: Delivery | None = None


class LocalLog:
    """Events of one service in the order of their positions."""

    def __init__(self, database: Database) -> None:
        self.head = 0
        """Highest position known to be published."""
        self._database = database
        self._recent: deque[_Recent] = deque()
        self._bytes = 0
        self._readers: dict[asyncio.Event, int] = {}

    def reach(self, position: int) -> None:
        """Say that the log goes up to `position`, without having the events in memory."""
        if position > self.head:
            self.head = position
            self._forget(position)
            self._wake()

    def extend(self, first: int, payloads: Sequence[str]) -> None:
        """Append events that were just published at `first`, `first` + 1, ..., and wake the readers."""
        if not self._readers or (self._recent and self._recent[-1].position != first - 1):
            self._forget(first)  # what is in memory has no gaps
        self.head = first + len(payloads) - 1
        if not self._readers:
            return
        for offset, payload in enumerate(payloads):
            self._recent.append(_Recent(first + offset, payload))
            self._bytes += len(payload)
        while self._bytes > MEMORY_BYTES:
            self._drop_oldest()
        self._wake()

    def subscribe(self, wake: asyncio.Event, position: int) -> None:
        """Set `wake` whenever the log grows; `position` is how far its reader has come."""
        self._readers[wake] = position

    def unsubscribe(self, wake: asyncio.Event) -> None:
        """Forget a reader."""
        self._readers.pop(wake, None)

    async def find_head(self) -> None:
        """Learn from the table how far the log goes, before a relay has said so."""
        async with self._database.engine.connect() as connection:
            self.reach((await connection.execute(_HEAD)).scalar_one())

    async def after(self, position: int, wake: asyncio.Event) -> list[Entry]:
        """Return up to 500 events that follow `position`; from the table when memory no longer reaches back so far.

        From there it is no more than memory would hold, and one event at least.
        """
        if position >= self.head:
            return []
        if self._recent and self._recent[0].position <= position + 1:
            start = position + 1 - self._recent[0].position
            entries = await breathing(self._entry, list(islice(self._recent, start, start + CHUNK)))
        else:
            entries = await self._read_back(position)
        if entries:
            self._readers[wake] = entries[-1][0]
            self._forget(min(self._readers.values()))
        return entries

    async def _read_back(self, position: int) -> list[Entry]:
        async with self._database.engine.connect() as connection:
            given = {"after": position, "limit": CHUNK, "bytes": MEMORY_BYTES}
            rows = (await connection.execute(_READ, given)).all()
        return await breathing(lambda row: (row.position, self._read(row.position, row.payload)), rows)

    def _entry(self, recent: _Recent) -> Entry:
        if recent.delivery is None:
            recent.delivery = self._read(recent.position, recent.payload)
        return recent.position, recent.delivery

    def _read(self, position: int, payload: str) -> Delivery:
        return read(payload, source=self._database.service, origin=f"outbox@{position}")

    def _forget(self, position: int) -> None:
        while self._recent and self._recent[0].position <= position:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._bytes -= len(self._recent.popleft().payload)

    def _wake(self) -> None:
        for wake in self._readers:
            wake.set()
