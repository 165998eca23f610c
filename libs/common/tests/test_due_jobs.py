"""Long jobs: progress that people can watch, resumed where a killed worker stopped, cancelled when asked."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from opsloop_common import due
from opsloop_common.db import Context
from opsloop_common.due import DueKind, DueRow, jobs, recurring
from opsloop_common.due.runner import DueRunner
from opsloop_common.due.tables import due as due_table
from opsloop_common.due.tables import job as job_table
from opsloop_common.due.workers import alive, beat
from opsloop_common.limits import DUE_TRANSACTIONS, LONG_TRANSACTIONS, WORK_CONNECTIONS
from opsloop_common.testing.due import run_due
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note

ACME = Context(workspace="acme", actor="key:1")


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def start(database, payload=None):
    async with database.transaction(ACME) as session:
        return await due.start_job(session, "import", payload)


async def job(database, job_id):
    async with database.transaction() as session:
        return (await session.execute(select(job_table).where(job_table.c.id == job_id))).one()


async def notes(database):
    async with database.transaction(ACME) as session:
        return list(await session.scalars(select(Note.text).order_by(Note.id)))


async def import_rows(run):
    """Write one note a step; the step and its progress are one transaction."""
    for n in range(run.done, run.payload["rows"]):
        async with run.transaction() as session:
            session.add(Note(workspace=run.workspace, text=str(n)))
            await run.progress(n + 1, run.payload["rows"], session=session)
    return {"rows": run.done}


IMPORT = DueKind("import", import_rows, long=True, max_attempts=2)


async def test_a_job_shows_its_progress_and_its_result(database):
    job_id = await start(database, {"rows": 3})
    queued = await job(database, job_id)

    assert await run_due(database, [IMPORT]) == 1

    ended = await job(database, job_id)
    assert (queued.status, queued.workspace, queued.created_by) == ("queued", "acme", "key:1")
    assert (ended.status, ended.done, ended.total, ended.result) == ("succeeded", 3, 3, {"rows": 3})
    assert ended.finished_at == database.clock.now()
    assert await notes(database) == ["0", "1", "2"]
    async with database.transaction() as session:
        assert (await session.execute(select(due_table))).all() == []


async def test_a_job_whose_worker_dies_goes_on_where_it_stopped(database):
    job_id = await start(database, {"rows": 4})
    halfway = asyncio.Event()

    async def dies_halfway(run):
        for n in range(2):
            async with run.transaction() as session:
                session.add(Note(workspace=run.workspace, text=str(n)))
                await run.progress(n + 1, 4, session=session)
        halfway.set()
        await asyncio.Event().wait()

    # the dead worker: it held the claim when its heart stopped, and it never wrote again
    owner = uuid4()
    await beat(database, owner, instance="dies")
    runner = DueRunner(database, [DueKind("import", dies_halfway, long=True)], owner=owner)
    engine = runner.engine()
    await engine.claim()
    await halfway.wait()
    assert (await job(database, job_id)).status == "running"
    assert await run_due(database, [IMPORT]) == 0

    async with alive(database, uuid4(), instance="next", alone=True):
        await run_due(database, [IMPORT])

    assert (await job(database, job_id)).status == "succeeded"
    assert await notes(database) == ["0", "1", "2", "3"]
    for task in list(engine._tasks):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_zombie_of_a_job_writes_nothing_more(database):
    job_id = await start(database, {"rows": 1})

    async def loses_its_claim(run):
        async with database.transaction() as session:
            await session.execute(text("UPDATE due SET owner = :other"), {"other": uuid4()})
        async with run.transaction() as session:
            session.add(Note(workspace=run.workspace, text="zombie"))

    await run_due(database, [DueKind("import", loses_its_claim, long=True)])

    assert await notes(database) == []
    assert (await job(database, job_id)).status == "running"


async def test_a_failing_job_is_tried_again_and_then_failed_with_its_reason(database):
    job_id = await start(database)

    async def fails(run):
        await run.progress(1, 10)
        raise ValueError("row 2 is odd")

    kind = DueKind("import", fails, long=True, max_attempts=2)
    assert await run_due(database, [kind], raising=False) == 0
    assert (await job(database, job_id)).status == "queued"
    database.clock.advance(timedelta(minutes=1))
    assert await run_due(database, [kind], raising=False) == 0

    ended = await job(database, job_id)
    assert (ended.status, ended.done, ended.error) == ("failed", 1, "ValueError: row 2 is odd")
    async with database.transaction() as session:
        assert (await session.execute(select(due_table))).all() == []


async def test_a_cancelled_job_stops_at_its_next_step(database):
    job_id = await start(database, {"rows": 5})

    async def cancelled_on_the_way(run):
        async with database.transaction(ACME) as session:
            assert await due.cancel_job(session, job_id)
        async with run.transaction() as session:
            session.add(Note(workspace=run.workspace, text="too late"))

    await run_due(database, [DueKind("import", cancelled_on_the_way, long=True)])

    assert (await job(database, job_id)).status == "cancelled"
    assert await notes(database) == []
    async with database.transaction(Context("other")) as session:
        assert not await due.cancel_job(session, job_id)


async def test_whether_such_work_is_under_way_is_known_until_it_ends(database):
    async def is_under_way(context=ACME, kind="import", **payload):
        async with database.transaction(context) as session:
            return await jobs.has_unfinished(session, kind, payload)

    job_id = await start(database, {"rows": 1, "of": "a"})

    assert await is_under_way()
    assert await is_under_way(of="a")
    assert not await is_under_way(of="b")
    assert not await is_under_way(kind="export")
    assert not await is_under_way(Context("other"), of="a")
    await run_due(database, [IMPORT])
    assert (await job(database, job_id)).status == "succeeded"
    assert not await is_under_way(of="a")


async def test_however_many_jobs_run_nobody_waits_for_a_connection_behind_them(database):
    began, let_go = Counter(), asyncio.Event()

    async def holds(run):
        async with run.transaction() as session:
            await hold(session, run)

    async def hold(session, row):
        await session.execute(text("SELECT 1"))
        began[row.kind if isinstance(row, DueRow) else "import"] += 1
        await let_go.wait()

    long = DueKind("import", holds, concurrency=8, long=True)
    short = [DueKind(f"short-{number}", hold) for number in range(DUE_TRANSACTIONS)]
    owner = uuid4()
    for number in range(6):
        async with database.transaction(Context(f"w{number}")) as session:
            await due.start_job(session, "import")
            if number < DUE_TRANSACTIONS:
                await due.schedule(session, f"short-{number}", "x", database.clock.now())
    pool = database.engines[1].pool

    async with (
        alive(database, owner, instance="x"),
        DueRunner(database, [long, *short], owner=owner, poll_seconds=0.05).running(),
        asyncio.timeout(20),
    ):
        while began.total() < LONG_TRANSACTIONS + DUE_TRANSACTIONS or await count_running(database) < 6:  # noqa: ASYNC110 in the database
            await asyncio.sleep(0.01)
        held = pool.checkedout()
        async with asyncio.timeout(5):
            async with database.work():  # as when something is measured
                await recurring.repair(database, [long])
        let_go.set()
        while began["import"] < 6:  # noqa: ASYNC110 the last of them had to wait
            await asyncio.sleep(0.01)

    assert held == LONG_TRANSACTIONS + DUE_TRANSACTIONS
    assert held + 2 == WORK_CONNECTIONS


async def count_running(database):
    async with database.transaction() as session:
        return await session.scalar(text("SELECT count(*) FROM job WHERE status = 'running'"))


async def test_a_run_has_one_transaction_at_a_time_and_gives_its_place_back(database):
    refused = []

    async def forgets_the_session(run):
        for number in range(LONG_TRANSACTIONS + 1):
            async with run.transaction():
                with pytest.raises(RuntimeError, match="one transaction at a time") as caught:
                    await run.progress(number)
                refused.append(caught.value)
        await run.progress(LONG_TRANSACTIONS)

    await start(database)

    assert await run_due(database, [DueKind("import", forgets_the_session, long=True)]) == 1
    assert len(refused) == LONG_TRANSACTIONS + 1


async def test_a_long_run_gives_its_place_to_others_and_goes_on_where_it_stopped(database, monkeypatch):
    monkeypatch.setattr(jobs, "TURN_SECONDS", -1.0)
    turns = []

    async def import_by_turns(run):
        turns.append((run.id, run.done))
        async with run.transaction() as session:
            await run.progress(run.done + 1, 3, session=session)
        if run.done < 3:
            run.give_way()
        return {"rows": run.done}

    ids = {await start(database) for _ in range(2)}
    kind = DueKind("import", import_by_turns, long=True, max_attempts=1, concurrency=1)
    owner = uuid4()
    async with (
        alive(database, owner, instance="x"),
        DueRunner(database, [kind], owner=owner, poll_seconds=0.05).running(),
        asyncio.timeout(10),
    ):
        while {(await job(database, id)).status for id in ids} != {"succeeded"}:  # noqa: ASYNC110 in the database
            await asyncio.sleep(0.01)

    assert sorted(turns) == sorted((id, done) for id in ids for done in range(3)), "each step once, and no try counted"


async def test_a_job_that_is_put_off_goes_on_then_and_no_try_is_counted(database):
    async def counts(run):
        await run.progress(run.done + 1, 3)
        if run.done < 3:
            run.put_off(database.clock.now() + timedelta(minutes=run.done))
        return {"done": run.done}

    job_id = await start(database)
    kind = DueKind("import", counts, long=True, max_attempts=1)
    seen = []
    for seconds in (0, 59, 1, 119, 1):
        database.clock.advance(seconds)
        await run_due(database, [kind])
        seen.append((await job(database, job_id)).done)

    assert seen == [1, 1, 2, 2, 3]
    assert (await job(database, job_id)).status == "succeeded"
