"""Whose messages a block is made of: whoever brings little waits for no block of those who bring much, and keeps nobody out."""

import asyncio

import pytest

from opsloop_metrics.recording import writer as writers
from opsloop_metrics.recording.writer import Writer
from opsloop_metrics.store.port import StoreUnavailable
from services.metrics.tests.entries import batch


@pytest.fixture
async def waiting(world_with_store, store):
    """Return a writer that does not write, and how somebody waits for it."""
    writer, takes = Writer(world_with_store.api.db, store), []

    async def bring(workspace, size, *, times=1):
        for number in range(times):
            entries = await batch(number, size=size, workspace=workspace)
            takes.append(asyncio.create_task(writer.take(entries)))
        await asyncio.sleep(0)

    writer.takes = takes
    yield writer, bring
    for take in takes:
        take.cancel()
    await asyncio.gather(*takes, return_exceptions=True)


def workspaces(block):
    return [each.entries[0].workspace for each in block]


async def test_who_brings_little_has_a_block_of_its_own_and_then_it_is_the_others_turn(waiting):
    writer, bring = waiting
    for one in ("greedy1", "greedy2"):
        await bring(one, 100, times=5)
    await bring("light", 1, times=3)

    blocks = [workspaces(writer._next_block()) for _ in range(3)]

    assert blocks[0] == ["light"] * 3
    assert blocks[1] == ["greedy1", "greedy2", "greedy1"]
    assert blocks[2][0] == "greedy2"


async def test_many_who_bring_little_keep_nobody_out(waiting):
    writer, bring = waiting
    await bring("greedy", 100, times=10)
    seen = []
    for number in range(4):
        await bring(f"light{number}", 1)
        seen += workspaces(writer._next_block())

    assert seen.count("greedy") == 2 * 3  # every other block, each as long as blocks are


async def test_one_alone_has_all_of_a_block(waiting):
    writer, bring = waiting
    await bring("only", 100, times=5)

    assert sum(len(each.entries) for each in writer._next_block()) >= writers.BLOCK_ENTRIES


async def test_a_workspace_that_fills_what_may_wait_leaves_room_to_those_of_whom_nothing_is_here(waiting, monkeypatch):
    writer, bring = waiting
    monkeypatch.setattr(writers, "WAITING_ENTRIES", 300)
    await bring("greedy", 100, times=3)

    with pytest.raises(StoreUnavailable):
        await writer.take(await batch(9, size=1, workspace="greedy"))
    await bring("light", 1)

    assert workspaces(writer._next_block()) == ["light"]


async def test_what_is_given_up_waits_no_longer_and_is_not_counted(waiting):
    writer, bring = waiting
    await bring("gone", 600)
    await bring("stays", 10)
    begun = [*writer._next_block(), *writer._next_block()]
    assert [each.entries[0].workspace for each in begun] == ["stays", "gone"]

    writer.takes[0].cancel()
    await asyncio.wait([writer.takes[0]])

    assert [each.done.cancelled() for each in begun] == [False, True]
    assert (writer._count, dict(writer._here)) == (0, {"stays": 10})
    await bring("next", 1)
    assert workspaces(writer._next_block()) == ["next"]
