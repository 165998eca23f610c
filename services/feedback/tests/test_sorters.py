"""What a workspace sorts by is kept in the memory of a process for a few seconds, so that a post costs no question."""

from __future__ import annotations

import asyncio

import pytest

from opsloop_common.db import Context
from opsloop_feedback.sorters import service
from opsloop_feedback.sorters.service import KEPT_SECONDS, WORKSPACES, Sorters
from opsloop_feedback.sorting.rules import UNTAUGHT

ACME = Context(workspace="acme")


async def test_it_is_read_once_and_again_when_it_is_old(desk, monkeypatch):
    sorters, reads = Sorters(), []
    stamp = service.learning.stamp
    monkeypatch.setattr(service.learning, "stamp", lambda session: reads.append(1) or stamp(session))
    clock = desk.api.clock

    assert sorters.find("acme", clock.now()) is None
    await asyncio.gather(*(sorters.read(desk.api.db, ACME) for _ in range(5)))
    assert len(reads) == 1
    assert sorters.find("acme", clock.now()) is not None
    clock.advance(KEPT_SECONDS - 1)
    assert sorters.find("acme", clock.now()) is not None
    clock.advance(1)
    assert sorters.find("acme", clock.now()) is None
    await sorters.read(desk.api.db, ACME)
    assert len(reads) == 2


async def test_what_was_changed_is_forgotten_at_once(desk):
    sorters = Sorters()
    await sorters.read(desk.api.db, ACME)

    sorters.forget("acme")
    sorters.forget("never-read")

    assert sorters.find("acme", desk.api.clock.now()) is None
    assert sorters.find("never-read", desk.api.clock.now()) is None


async def test_of_more_workspaces_than_are_kept_the_longest_unused_goes(desk):
    sorters = Sorters()
    for number in range(WORKSPACES + 1):
        await sorters.read(desk.api.db, Context(workspace=f"w{number}"))

    assert sorters.find("w0", desk.api.clock.now()) is None
    assert sorters.find("w1", desk.api.clock.now()) is not None


async def test_a_clock_that_is_set_back_keeps_nothing_for_ever(desk):
    sorters = Sorters()
    await sorters.read(desk.api.db, ACME)

    desk.api.clock.advance(-3600)

    assert sorters.find("acme", desk.api.clock.now()) is None


async def test_who_taught_nothing_is_read_once_as_such(desk):
    sorters = Sorters()

    assert (await sorters.read(desk.api.db, ACME)).models == UNTAUGHT.models


async def test_what_did_not_change_is_not_read_again_but_kept_on(desk, monkeypatch):
    sorters = Sorters()
    first = await sorters.read(desk.api.db, ACME)
    monkeypatch.setattr(service, "_sorter", None)  # nobody asks for it

    desk.api.clock.advance(KEPT_SECONDS)

    assert await sorters.read(desk.api.db, ACME) is first


async def test_who_cannot_read_it_says_so_and_the_next_tries_again(desk, monkeypatch):
    sorters = Sorters()

    async def fails(session):
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(service.learning, "stamp", fails)
        with pytest.raises(TimeoutError):
            await sorters.read(desk.api.db, ACME)
    assert sorters.find("acme", desk.api.clock.now()) is None

    await sorters.read(desk.api.db, ACME)

    assert sorters.find("acme", desk.api.clock.now()) is not None


async def test_posts_of_a_moment_ask_once(desk, monkeypatch):
    reads = []
    stamp = service.learning.stamp
    monkeypatch.setattr(service.learning, "stamp", lambda session: reads.append(1) or stamp(session))

    await asyncio.gather(*(desk.post(body=f"post {number}") for number in range(8)))
    await desk.post(body="one more")

    assert len(reads) == 1
