"""Due rows that fail for the database's sake, and rows that come back while others are recorded: none is lost, none spins."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import due
from opsloop_common.db import Context
from opsloop_common.due import DueKind, rules
from opsloop_common.due.port import Ask
from opsloop_common.due.runner import DueRunner
from opsloop_common.due.work import DueWork
from opsloop_common.faults import is_transient
from opsloop_common.testing.sample.service import SAMPLE

OWNER = uuid4()
ACME = Context(workspace="acme", actor="key:1")


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def put(database, *keys, kind="kind"):
    async with database.transaction(ACME) as session:
        for key in keys:
            await due.schedule(session, kind, key, database.clock.now())


async def try_once(database, work):
    now = database.clock.now()
    claimed = await work.claim(Ask(now=now, owner=OWNER, limit=10, share=10, full=(), held={}))
    for item in claimed.items:
        outcome = await work.perform(item)
        assert not work.settles(outcome)
        await work.record([outcome], owner=OWNER)


async def the_row(database):
    async with database.transaction() as session:
        columns = "status, attempts, due_at, first_failed_at, extract(epoch FROM due_at) AS at"
        return (await session.execute(text(f"SELECT {columns} FROM due"))).one()


@pytest.mark.parametrize("most", [8, None, 1])
async def test_what_passes_is_tried_less_and_less_often_shows_and_is_never_given_up(database, clock, most):
    async def waits(session, row):
        raise ConnectionError("the network is down")

    kind = DueKind("kind", waits, max_attempts=most)
    work = DueWork(database, [kind], owner=OWNER)
    await put(database, "a")
    pauses, shown = [], []
    for _ in range(12):
        before = clock.now()
        await try_once(database, work)
        row = await the_row(database)
        pauses.append((row.due_at - before).total_seconds())
        shown.append(row.first_failed_at is not None)
        clock.set(row.due_at)

    assert row.status == "waiting"
    if most == 1:
        assert max(pauses) < 2
    else:
        assert 24 < min(pauses[4:]) <= max(pauses) < 31
        assert shown == [False] * 2 + [True] * 10
        assert row.attempts == rules.PASSING_ATTEMPTS


async def test_a_file_that_is_not_there_is_a_fault_of_the_row(database):
    async def reads(session, row):
        Path("/nowhere/at/all").read_text()  # noqa: ASYNC240 it is not there

    await put(database, "a")
    await try_once(database, DueWork(database, [DueKind("kind", reads, max_attempts=1)], owner=OWNER))

    assert (await the_row(database)).status == "failed"


def test_connections_pass_and_files_do_not():
    assert is_transient(
        FileNotFoundError(2, "no such socket")
    )  # as a connection to a server that is just starting says
    assert is_transient(ConnectionResetError())
    assert is_transient(TimeoutError())
    assert not is_transient(FileNotFoundError(2, "No such file or directory", "/nowhere"))
    assert not is_transient(PermissionError(13, "Permission denied", "/etc/shadow"))


async def test_a_row_that_comes_back_at_once_waits_for_no_other_to_be_recorded(database, monkeypatch):
    recording, ran = asyncio.Event(), []

    async def fails(session, row):
        raise ValueError("no")

    async def again(session, row):
        ran.append(row.key)
        if len(ran) < 20:
            await due.schedule(session, "busy", row.key, database.clock.now())

    kinds = [DueKind("busy", again), DueKind("failing", fails)]
    runner = DueRunner(database, kinds, owner=uuid4())

    async def hangs(*_):
        recording.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(runner._work, "_record_failure", hangs)
    await put(database, "a", kind="failing")
    async with runner.running():
        await asyncio.wait_for(recording.wait(), 10)
        await put(database, "b", kind="busy")
        async with asyncio.timeout(5):
            while len(ran) < 20:  # noqa: ASYNC110 the condition is what ran
                await asyncio.sleep(0.01)
        monkeypatch.undo()

    assert ran == ["b"] * 20
