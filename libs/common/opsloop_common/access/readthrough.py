"""A small cache of rows that end, such as credentials: what was read before an end is never kept after it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from opsloop_common.access.strangers import Strangers

KeyT = TypeVar("KeyT")
RowT = TypeVar("RowT")


class ReadThrough(Generic[KeyT, RowT]):
    """Keeps what `read` returned for `seconds`; at most `kept` rows, and as many names without a row.

    Both are forgotten by longest disuse and apart, so that guessed names push out nobody's row. `read` runs once a name
    however many wait for it. `forget` holds at once: a read that was under way then is not kept, and whoever waits for it
    waits for a new one. (Storing after `forget` what was read before let revoked keys live on for the whole time: 3 of 92.)
    """

    def __init__(
        self,
        read: Callable[[KeyT], Awaitable[RowT | None]],
        *,
        seconds: float,
        kept: int,
        strangers: Strangers,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._kept = kept
        self._strangers = strangers
        self._monotonic = monotonic
        self._rows: OrderedDict[KeyT, tuple[float, RowT]] = OrderedDict()
        self._missing: OrderedDict[KeyT, float] = OrderedDict()
        self._reading: dict[KeyT, asyncio.Task[tuple[RowT | None, bool]]] = {}

    async def get(self, key: KeyT, address: str) -> RowT | None:
        """Return the row of `key` as it is, or was some seconds ago; `address` is who asks, for bounding guesses."""
        now = self._monotonic()
        kept = self._rows.get(key)
        if kept is not None:
            self._rows.move_to_end(key)
            return kept[1] if kept[0] > now else await self._current(key)
        if self._missing.get(key, now) > now:
            return None
        async with self._strangers.asking(address):
            row = await self._current(key)
        if row is None:
            self._strangers.missed(address)
        return row

    def forget(self, key: KeyT) -> None:
        """Read `key` anew at its next use, because its row has just been changed; call it after the commit."""
        self._rows.pop(key, None)
        self._missing.pop(key, None)
        self._reading.pop(key, None)

    async def _current(self, key: KeyT) -> RowT | None:
        while True:
            reading = self._reading.get(key)
            if reading is None:
                reading = self._reading[key] = asyncio.create_task(self._read_once(key))
            # one who gives up must not take the answer from the others
            row, is_current = await asyncio.shield(reading)
            if is_current:
                return row

    async def _read_once(self, key: KeyT) -> tuple[RowT | None, bool]:
        until = self._monotonic() + self._seconds
        is_current = False
        try:
            row = await self._read(key)
        finally:
            if self._reading.get(key) is asyncio.current_task():
                del self._reading[key]
                is_current = True
        if is_current:
            self._keep(key, row, until)
        return row, is_current

    def _keep(self, key: KeyT, row: RowT | None, until: float) -> None:
        if row is None:
            self._rows.pop(key, None)
            self._missing[key] = until
            self._missing.move_to_end(key)
        else:
            self._missing.pop(key, None)
            self._rows[key] = (until, row)
        for entries in (self._rows, self._missing):
            if len(entries) > self._kept:
                entries.popitem(last=False)
