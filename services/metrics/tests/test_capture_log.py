"""From a request through a log into the store: acknowledged when the log has it, each message once however often it is handed over."""

import asyncio
from collections import Counter

import pytest

from opsloop_common.bus.log import Record, Unreadable
from opsloop_common.errors import TooLarge, Unavailable
from opsloop_metrics.capture.rules import Message, MessageKind, Outcome
from opsloop_metrics.capture_log.service import LogSink, capture_from_log, read_log
from opsloop_metrics.ports import Captured
from opsloop_metrics.recording.writer import Writer
from opsloop_metrics.store.port import StoreUnavailable
from services.metrics.tests.entries import Kept, batch, entries_of, nameless


class MemoryLog:
    """A log in memory that hands over all it has, as often as it is told to."""

    def __init__(self, *, times=1, fails=None):
        self.records = []
        self.times, self.fails = times, fails
        self.aside = []

    def opened(self):
        raise AssertionError("whoever made it opens it")

    async def append(self, records):
        if self.fails:
            raise self.fails
        self.records += records

    async def read(self, handle):
        for _ in range(self.times):
            self.aside = list(await handle(self.records))


async def through(log, *batches):
    sink, kept = LogSink(log), Kept()
    for entries in batches:
        await sink.take(entries)
    await read_log(log, kept)
    return kept.entries


async def test_what_was_taken_is_handed_on_as_it_was():
    given = [await batch(1), await batch(2, workspace="other"), await entries_of(*nameless(3))]

    assert await through(MemoryLog(), *given) == [entry for entries in given for entry in entries]


async def test_all_outcomes_are_stored_and_nothing_needs_no_record():
    log = MemoryLog()
    entries = await batch(1, size=3)

    assert await LogSink(log).take([*entries, *entries]) == [Outcome.STORED] * 6
    assert await LogSink(log).take([]) == []
    assert len(log.records) == 1


async def test_a_workspace_is_the_key_and_a_large_request_several_records():
    log = MemoryLog()
    large = [Message(MessageKind.TRACK, "Large", "u1", properties={"text": "x" * 400_000}) for _ in range(6)]

    await LogSink(log).take(await entries_of(*large, workspace="globex"))

    assert [record.key for record in log.records] == [b"globex"] * 3


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Unavailable("away", headers={"Retry-After": "5"}), StoreUnavailable),
        (TooLarge("a record"), TooLarge),
    ],
)
async def test_what_the_log_does_not_take_is_refused(fault, raised):
    with pytest.raises(raised) as refused:
        await LogSink(MemoryLog(fails=fault)).take(await batch(1))

    assert refused.value.headers == fault.headers


async def test_what_nobody_can_read_is_set_aside_and_the_rest_is_written():
    log = MemoryLog()
    good = await batch(1)
    await log.append([Record(b"acme", b"none")])
    await LogSink(log).take(good)
    await log.append([Record(b"", b"1\n[7]")])
    kept = Kept()

    await read_log(log, kept)

    assert kept.entries == good
    assert [each.place for each in log.aside] == [0, 2]
    assert all(isinstance(each, Unreadable) and each.reason for each in log.aside)


async def test_a_batch_that_was_not_written_is_none_that_was_handled():
    class Failing(Kept):
        async def take(self, entries):
            await asyncio.sleep(0)
            if entries[0].workspace == "other":
                raise StoreUnavailable("not now")
            return await super().take(entries)

    log, sink = MemoryLog(), Failing()
    for entries in (await batch(1, workspace="other"), await batch(2)):
        await LogSink(log).take(entries)

    with pytest.raises(StoreUnavailable):
        await read_log(log, sink)
    assert sink.entries == await batch(2)  # it was over before the batch was given back


async def test_a_log_that_is_handed_over_again_counts_once(world_with_store, server_store):
    log = MemoryLog(times=3)
    given = [await batch(1), await batch(2), await batch(1), await entries_of(*nameless(10))]
    for entries in given:
        await LogSink(log).take(entries)
    writer = Writer(world_with_store.api.db, server_store, is_shared=True)
    running = asyncio.create_task(writer.run())

    await read_log(log, writer)
    running.cancel()

    rows = (await server_store.query("SELECT id, event FROM opsloop.event")).rows
    assert len(rows) == len({id for id, _ in rows}) == 110
    assert Counter(event for _, event in rows)["Nameless"] == 10


async def test_the_loop_reads_the_log_and_waits_where_there_is_none(world_with_store):
    runtime, log, kept = world_with_store.api.runtime, MemoryLog(), Kept()
    given = await batch(1)
    await LogSink(log).take(given)

    waiting = asyncio.create_task(capture_from_log(runtime))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    object.__setattr__(runtime.ports, "captured", Captured(log, kept))
    await capture_from_log(runtime)

    assert kept.entries == given
