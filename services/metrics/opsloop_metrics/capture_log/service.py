"""Both ends of the log: whoever answers clients appends, whoever works reads and writes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from opsloop_common.bus.log import Log, Record, Unreadable
from opsloop_common.db import ports_of
from opsloop_common.deadline import stopped
from opsloop_common.errors import Unavailable
from opsloop_common.service import Runtime
from opsloop_common.turns import in_turns
from opsloop_metrics.capture.rules import Entry, Outcome
from opsloop_metrics.capture_log import rules
from opsloop_metrics.ports import MetricsPorts, Sink
from opsloop_metrics.store.port import StoreUnavailable


class LogSink:
    """Takes what was captured into a log. What is there already, and who was erased, is found when it is read."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def take(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Return STORED for each entry of one workspace once the log has them; raises StoreUnavailable, TooLarge."""
        if not entries:
            return []
        key = entries[0].workspace.encode()
        written = await in_turns(rules.written, entries, workspace=entries[0].workspace)
        try:
            with stopped():  # it has a bound of its own, and no connection to the database waits meanwhile
                await self._log.append([Record(key, chunk) for chunk in rules.chunks(written)])
        except Unavailable as error:
            raise StoreUnavailable(error.detail, headers=error.headers) from error
        return [Outcome.STORED] * len(entries)

    async def noted(self) -> None:
        """Return at once: who reads the log sees to it."""


async def capture_from_log(runtime: Runtime) -> None:
    """Write what stands in the log, for ever; without one, what was captured is written where it comes in."""
    captured = ports_of(runtime.db, MetricsPorts).captured
    if captured is None:
        await asyncio.Event().wait()
    else:
        await read_log(captured.log, captured.writer)


async def read_log(log: Log, sink: Sink) -> None:
    """Hand what stands in a log to the one who writes, for ever."""

    async def handle(records: Sequence[Record]) -> Sequence[Unreadable]:
        readings = await in_turns(_read, list(enumerate(records)), workspace="")
        taken = [sink.take(entries) for entries in readings if not isinstance(entries, Unreadable)]
        outcomes = await asyncio.gather(*taken, return_exceptions=True)  # all are over before any is tried again
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [each for each in readings if isinstance(each, Unreadable)]

    await log.read(handle)


def _read(placed: tuple[int, Record]) -> list[Entry] | Unreadable:
    place, record = placed
    try:
        return rules.entries_of(record.value)
    except rules.NotReadable as error:
        return Unreadable(place, str(error))
