"""A log of raw records on one topic, beside the bus of events: what is too much for an outbox, such as what browsers send.

    async with log.opened():
        await log.append([Record(b"acme", b"...")])  # there for good when this returns
        await log.read(handle)  # for ever; supervised by whoever calls it

At least once: what `handle` returned from comes again after a crash before its offsets are saved, so it has to know what it had.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

RECORD_BYTES = 2 * 1024 * 1024 - 1024
"""What a record may have, its key included: a topic takes 2 MiB with what belongs to a record besides."""
BATCH_RECORDS = 5_000
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down, and the key whose records keep their order."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record of a batch, by its place, that nobody can ever make sense of, and why."""

    place: int
    reason: str


Handle = Callable[[Sequence[Record]], Awaitable[Sequence[Unreadable]]]
"""Do what records ask for, durably, and return those that are to be set aside. Unavailable, or a fault that passes: they come again."""


class Log(Protocol):
    """Records that several processes append and several read, each record by one of them."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Keep connections for the length of the block; they are made at the first use."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """Write records down; they are durable when this returns.

        Raises Unavailable (503) when that is not certain in time, TooLarge (413) for a record that no log takes.
        """
        ...

    async def read(self, handle: Handle) -> None:
        """Hand over what comes, up to `BATCH_RECORDS` or about `BATCH_BYTES` at a time, until cancelled; raises when the log fails."""
        ...
