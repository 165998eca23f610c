"""What a workspace sorts by is read once in a few seconds, so that a post costs no question."""

from __future__ import annotations

import asyncio

import pytest

from opsloop_common.db import Context
from opsloop_feedback.sorter_memory.service import KEPT_SECONDS, Memory
from opsloop_feedback.sorters import service
from opsloop_feedback.sorters.service import find_sorter, read_sorter
from opsloop_feedback.sorting.rules import UNTAUGHT

ACME = Context(workspace="acme")


async def reads(desk) -> float:
    return desk.api.db.meters.of(Memory).reads._value.get()


async def test_it_is_read_once_and_again_when_it_is_old(desk):
    db, clock = desk.api.db, desk.api.clock

    assert find_sorter(db, "acme") is None
    await asyncio.gather(*(read_sorter(db, ACME) for _ in range(5)))
    assert await reads(desk) == 1
    clock.advance(KEPT_SECONDS - 1)
    assert find_sorter(db, "acme") == UNTAUGHT
    clock.advance(1)
    assert find_sorter(db, "acme") is None
    await read_sorter(db, ACME)
    assert await reads(desk) == 2


async def test_what_did_not_change_is_not_read_again_but_kept_on(desk, monkeypatch):
    first = await read_sorter(desk.api.db, ACME)
    monkeypatch.setattr(service, "_sorter", None)  # nobody asks for it

    desk.api.clock.advance(KEPT_SECONDS)

    assert await read_sorter(desk.api.db, ACME) is first


async def test_who_cannot_read_it_says_so_and_the_next_tries_again(desk, monkeypatch):
    async def fails(session):
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(service, "_stamp", fails)
        with pytest.raises(TimeoutError):
            await read_sorter(desk.api.db, ACME)
    assert find_sorter(desk.api.db, "acme") is None

    await read_sorter(desk.api.db, ACME)

    assert find_sorter(desk.api.db, "acme") is not None


async def test_posts_of_a_moment_ask_once(desk):
    await asyncio.gather(*(desk.post(body=f"post {number}") for number in range(8)))
    await desk.post(body="one more")

    assert await reads(desk) == 1
