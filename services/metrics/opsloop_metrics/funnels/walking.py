"""Walks through what people did in a process of its own: seconds of plain Python, beside which no request should have to breathe.

Both sides write frames: the length in four bytes, then so many bytes. In go the funnel with its span, then rows, a part at a time,
each part behind the one before once its answer is read. Out come those who entered, a few hundred a frame, and at the end of each
part a frame of nothing.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any, BinaryIO, cast

import orjson
import structlog
from pydantic import TypeAdapter

from opsloop_common.errors import Unavailable
from opsloop_metrics.chains.rules import Seen, Span, entrants, subjects
from opsloop_metrics.steps.rules import Entrant, Funnel
from opsloop_metrics.store.port import TooHeavy

MOST_CHAINS = 1_000_000
"""Chains looked at. A million take some ten seconds."""
SECONDS = 20.0
"""How long one question may walk."""
_ENTRANTS = 500  # a frame: a millisecond to read
_TOO_MANY = 3  # how the process ends that has looked at too many chains
_ASKED = TypeAdapter(tuple[Funnel, Span])
_PROGRAM = "from opsloop_metrics.funnels.walking import main; main()"

Rows = list[list[Any]]
log = structlog.get_logger(__name__)


def walk(rows: Rows, funnel: Funnel, span: Span, chains: Iterator[int]) -> Iterator[Entrant | None]:
    """Yield who entered, of rows as `queries.histories` has them, and None for each chain looked at. Raises TooHeavy."""
    for person, times, steps, excluded, values in rows:
        events = [Seen(int(time), *rest) for time, *rest in zip(times, steps, excluded, values, strict=True)]
        for subject in subjects(events, funnel, span):
            for found in entrants(person, subject, funnel, span):
                if found is None and next(chains) >= MOST_CHAINS:
                    raise too_heavy()
                yield found


def too_heavy() -> TooHeavy:
    """Return what those are told whose funnel has more ways through it than can be looked at."""
    return TooHeavy(
        "There are too many ways through this funnel; ask for a shorter time, or take fewer steps of any event."
    )


class Ended(Exception):
    """The process ended before it had answered."""


class Walker:
    """One process, for one question."""

    def __init__(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self._in, self._out = source, sink

    async def send(self, frame: bytes) -> None:
        """Hand a frame over."""
        self._out.write(len(frame).to_bytes(4) + frame)
        with suppress(ConnectionError):  # it has ended: whoever reads its answer hears of it
            await self._out.drain()

    async def walked(self, rows: Rows) -> AsyncIterator[list[Entrant]]:
        """Yield who entered of a part's rows; raises Ended."""
        await self.send(orjson.dumps(rows))
        while frame := await self._received():
            yield [_entrant(*each) for each in orjson.loads(frame)]

    async def _received(self) -> bytes:
        length = int.from_bytes(await self._read(4))
        return await self._read(length)

    async def _read(self, length: int) -> bytes:
        try:
            return await self._in.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Ended from error


@asynccontextmanager
async def walking(funnel: Funnel, span: Span) -> AsyncIterator[Walker]:
    """Hold a process for one question; it ends with the block. Raises TooHeavy for more than may be walked, Unavailable when it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", _PROGRAM, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(SECONDS):
            # both are there, since both are pipes
            walker = Walker(cast(asyncio.StreamReader, process.stdout), cast(asyncio.StreamWriter, process.stdin))
            await walker.send(_ASKED.dump_json((funnel, span)))
            yield walker
    except TimeoutError as error:
        raise too_heavy() from error
    except Ended as error:
        status = await process.wait()
        if status == _TOO_MANY:
            raise too_heavy() from error
        # a fault of ours, or the machine's: never the question's
        log.error("the exact pass of a funnel ended by itself", status=status)
        raise Unavailable("The funnel could not be found out; try again.", headers={"Retry-After": "5"}) from error
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def main() -> None:
    """Walk until nobody asks any more."""
    try:
        _answer()
    except TooHeavy:
        sys.exit(_TOO_MANY)


def _answer() -> None:
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    funnel, span = _ASKED.validate_json(_read(source))
    chains = count()
    while given := _read(source):
        found: list[Entrant] = []
        for each in walk(orjson.loads(given), funnel, span, chains):
            if each is not None:
                found.append(each)
            if len(found) == _ENTRANTS:
                _write(sink, found)
                found = []
        if found:
            _write(sink, found)
        sink.write(bytes(4))
        sink.flush()


def _read(source: BinaryIO) -> bytes:
    return source.read(int.from_bytes(source.read(4)))


def _write(sink: BinaryIO, found: Sequence[Entrant]) -> None:
    frame = orjson.dumps([(each.person, each.times, each.is_open, each.value) for each in found])
    sink.write(len(frame).to_bytes(4) + frame)


def _entrant(person: str, times: list[int | None], is_open: bool, value: str | None) -> Entrant:
    return Entrant(person, tuple(times), is_open, value)
