"""The runner at work: how tries end and are counted, its end and its death, and a database that goes away under it."""

import asyncio
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select, text

from opsloop_common import direct, due, failpoints
from opsloop_common.db import Context
from opsloop_common.due import DueKind, engine, rules, runner, work
from opsloop_common.due.errors import ClaimLost, LeaseExceeded
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.port import Ask
from opsloop_common.due.rows import claim_due
from opsloop_common.due.runner import DueRunner
from opsloop_common.due.tables import due as due_table
from opsloop_common.due.work import DueWork
from opsloop_common.due.workers import alive, beat
from opsloop_common.faults import storable
from opsloop_common.supervision import Pauses
from opsloop_common.testing import due as testing_due
from opsloop_common.testing.due import run_due
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note

ACME = Context("acme")
OWNER = uuid4()


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Faults are waited out by the millisecond."""
    for module in (runner, engine):
        monkeypatch.setattr(module, "PAUSES", Pauses(first=0.005, longest=0.02))


async def put(database, *keys, kind="kind", workspace="acme"):
    async with database.transaction(Context(workspace)) as session:
        for key in keys:
            await due.schedule(session, kind, key, database.clock.now())


async def start_jobs(database, *workspaces):
    for workspace in workspaces:
        async with database.transaction(Context(workspace)) as session:
            await due.start_job(session, "job", {})


async def the_rows(database):
    async with database.transaction() as session:
        return (await session.execute(select(due_table).order_by(due_table.c.id))).all()


async def the_job(database):
    async with database.transaction() as session:
        return (await session.execute(text("SELECT * FROM job"))).one()


async def notes(database):
    async with database.transaction(ACME) as session:
        return list(await session.scalars(select(Note.text).order_by(Note.text)))


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 the condition is in the database
            await asyncio.sleep(0.01)


async def write(session, row):
    session.add(Note(workspace=row.workspace, text=row.key))


WRITE = DueKind("kind", write)


class Held:
    """A handler that says when it began, and ends when it is let go."""

    def __init__(self):
        self.began, self.let_go, self.ended = asyncio.Event(), asyncio.Event(), []

    async def handle(self, session, row):
        self.began.set()
        await self.let_go.wait()
        await write(session, row)

    async def carry(self, run):
        self.began.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.ended.append(run.id)
            raise


@asynccontextmanager
async def running(database, *kinds, owner=OWNER, **options):
    async with (
        alive(database, owner, instance="x"),
        DueRunner(database, kinds, owner=owner, poll_seconds=0.05, **options).running(),
    ):
        yield


async def fails(session, row):
    raise ValueError("cannot")


async def loses(session, row):
    raise ClaimLost


@pytest.mark.parametrize(("handler", "outcome"), [(write, "done"), (fails, "failed"), (loses, "lost")])
async def test_tries_are_counted_by_kind_and_by_how_they_end(database, handler, outcome):
    metrics = DueMetrics(CollectorRegistry())
    await put(database, "a")

    def counted(name):
        return metrics.handled.labels("kind", name)._value.get()

    async def tried():
        return counted(outcome) == 1

    async with running(database, DueKind("kind", handler), metrics=metrics):
        await until(tried)

    assert sum(counted(name) for name in ("done", "failed", "lost")) == 1


async def test_a_job_that_runs_at_the_end_is_stopped_at_once_and_its_try_does_not_count(database):
    held = Held()
    await start_jobs(database, "acme")
    job_id = (await the_job(database)).id

    async with asyncio.timeout(work.DRAIN_SECONDS / 2):
        async with running(database, DueKind("job", held.carry, long=True)):
            await held.began.wait()

    (row,) = await the_rows(database)
    assert held.ended == [job_id]
    assert (row.owner, row.attempts, row.status, UUID(row.key)) == (None, 0, "waiting", job_id)

    async def finishes(run):
        return {"by": "the next"}

    assert await run_due(database, [DueKind("job", finishes, long=True)]) == 1
    job = await the_job(database)
    assert (job.status, job.result) == ("succeeded", {"by": "the next"})


async def test_what_does_not_end_in_time_is_stopped_and_done_by_the_next(database, monkeypatch):
    monkeypatch.setattr(DueWork, "drain_seconds", 0.05)
    held = Held()
    await put(database, "a")

    async with running(database, DueKind("kind", held.handle)):
        await held.began.wait()

    (row,) = await the_rows(database)
    assert (row.owner, row.attempts, await notes(database)) == (None, 0, [])
    assert await run_due(database, [WRITE]) == 1
    assert await notes(database) == ["a"]


async def test_a_failure_while_the_runner_ends_is_recorded(database):
    held = Held()

    async def fails_late(session, row):
        await held.handle(session, row)
        raise ValueError("at the very end")

    await put(database, "a")
    async with running(database, DueKind("kind", fails_late)):
        await held.began.wait()
        asyncio.get_running_loop().call_later(0.02, held.let_go.set)

    (row,) = await the_rows(database)
    assert (row.owner, row.attempts, row.last_error) == (None, 1, "ValueError: at the very end")


async def test_a_killed_worker_s_rows_are_done_once_by_the_next(database):
    await put(database, "a", "b")
    dead, living = uuid4(), uuid4()
    await beat(database, dead, instance="dead")
    async with database.transaction() as session:
        assert len(await claim_due(session, [(WRITE, 9)], now=database.clock.now(), owner=dead)) == 2

    async def all_done():
        return await notes(database) == ["a", "b"]

    async with alive(database, living, instance="next", alone=True), running(database, WRITE, owner=living):
        await until(all_done)

    assert await the_rows(database) == []


@pytest.mark.parametrize("most", [1, 3, None])
async def test_a_row_over_which_workers_die_is_given_up_without_being_handled_once_more(database, most):
    handled = []

    async def kills(session, row):
        handled.append(row.key)

    kind = DueKind("kind", kills, max_attempts=most)
    await put(database, "a")
    async with database.transaction() as session:
        deaths = rules.ENDLESS_ATTEMPTS + rules.DEATHS if most is None else most
        await session.execute(text("UPDATE due SET attempts = :deaths"), {"deaths": deaths})

    with pytest.raises(LeaseExceeded, match="workers died or were stopped while handling it"):
        await run_due(database, [kind])

    (row,) = await the_rows(database)
    assert (handled, row.status) == ([], "waiting" if most is None else "failed")
    assert row.attempts == (rules.ENDLESS_ATTEMPTS if most is None else most + 1)


async def end_sessions(database):
    """End every other session of the service's, as a restart of its database does."""
    connection = await direct.connect(database, purpose="test")
    query = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND usename = user AND pid <> pg_backend_pid()"
    )
    try:
        return await connection.fetchval(query)
    finally:
        await direct.close(connection)


async def test_a_database_that_restarts_under_the_handlers_costs_no_row_and_no_try(database):
    held = Held()
    kind = DueKind("kind", held.handle, max_attempts=1)
    await put(database, "a", "b", "c")

    async def all_waiting_or_done():
        database.clock.advance(5)  # a fault that passes is tried again after a moment
        return await notes(database) == ["a", "b", "c", "new"]

    async with running(database, kind):
        await held.began.wait()
        assert await end_sessions(database) >= 1
        held.let_go.set()
        await until(lambda: scheduled(database))
        await until(all_waiting_or_done)

    assert await the_rows(database) == []


async def scheduled(database):
    """Say whether there is a connection again: the first that are tried may be those that were ended."""
    try:
        await put(database, "new")
    except Exception as error:
        if not work.is_transient(error):
            raise
        return False
    return True


async def test_a_loop_that_breaks_starts_again_and_takes_up_what_it_had_claimed(database, monkeypatch):
    monkeypatch.setenv(failpoints.VARIABLE, "due.after_claim:raise:2")
    await put(database, "a")

    async def done():
        return await notes(database) == ["a"]

    async with running(database, WRITE):
        await until(done)

    assert await the_rows(database) == []


async def test_rows_that_are_due_again_and_again_are_noticed(database, monkeypatch):
    monkeypatch.setattr(testing_due, "ROUNDS_LIMIT", 5)

    async def again(session, row):
        await due.schedule(session, row.kind, row.key, database.clock.now())

    await put(database, "a")
    with pytest.raises(RuntimeError, match="keep scheduling themselves"):
        await run_due(database, [DueKind("kind", again)])

    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM worker")) == 0
        assert list(await session.scalars(text("SELECT owner FROM due"))) == [None]


async def test_running_once_raises_the_first_failure_after_all_were_handled(database):
    async def odd_ones_fail(session, row):
        if int(row.key) % 2:
            raise ValueError(row.key)
        await write(session, row)

    await put(database, *"01234")

    with pytest.raises(ValueError, match="1"):
        await run_due(database, [DueKind("kind", odd_ones_fail)])

    assert await notes(database) == ["0", "2", "4"]
    assert [(row.key, row.attempts, row.owner) for row in await the_rows(database)] == [("1", 1, None), ("3", 1, None)]


async def test_what_is_cancelled_before_its_job_begins_takes_no_handler(database):
    await start_jobs(database, "acme")
    async with database.transaction() as session:
        await session.execute(text("UPDATE job SET status = 'cancelled', finished_at = now()"))

    async def never(run):
        raise AssertionError

    assert await run_due(database, [DueKind("job", never, long=True)]) == 1
    assert (await the_job(database)).status == "cancelled"
    assert await the_rows(database) == []


@pytest.mark.parametrize(
    ("message", "kept"),
    [("plain", "plain"), ("a\0b", "ab"), ("lone \ud800 half", "lone ? half"), ("日本 🎈", "日本 🎈"), ("\0", "")],
)
async def test_reasons_are_kept_as_the_database_can_hold_them(database, message, kept):
    assert storable(message) == kept

    async def fails_so(session, row):
        raise ValueError(message)

    await put(database, "a")
    await run_due(database, [DueKind("kind", fails_so)], raising=False)

    (row,) = await the_rows(database)
    assert row.last_error == f"ValueError: {kept}"


def ask(database, held=()):
    return Ask(now=database.clock.now(), owner=OWNER, limit=1000, share=1000, full=(), held=dict(held))


async def claimed(due_work, database, held=()):
    found = (await due_work.claim(ask(database, held))).items
    return [(item.workspace, item.kind) for item in found]


async def test_of_a_kind_that_is_behind_a_late_workspace_has_its_turn(database, monkeypatch):
    monkeypatch.setattr(work, "HELD_OF_A_KIND", 12)
    monkeypatch.setattr(work, "KEPT_OF_A_KIND", 4)
    due_work = DueWork(database, [DueKind("kind", write, concurrency=1)], owner=OWNER)
    await put(database, *map(str, range(40)), workspace="greedy")
    await put(database, "late", workspace="light")

    first = await claimed(due_work, database)

    assert ("light", "kind") in first
    assert first.count(("greedy", "kind")) <= 8
    assert await claimed(due_work, database, {("greedy", "kind"): 11}.items()) == []  # enough is held


async def test_a_kind_is_claimed_in_turn_until_a_claim_left_nothing(database):
    due_work = DueWork(database, [DueKind("kind", write, concurrency=1)], owner=OWNER)
    await put(database, *map(str, range(work.PREFETCH + 1)))

    behind = []
    for _ in range(3):
        came = len(await claimed(due_work, database))
        behind.append((came, set(due_work._behind)))

    assert behind == [(work.PREFETCH, {"kind"}), (1, set()), (0, set())]


@pytest.mark.parametrize(("running_jobs", "expected"), [(0, 2), (1, 1), (3, 0)])
async def test_jobs_are_claimed_as_there_are_slots_and_one_is_left_to_another_workspace(
    database, running_jobs, expected
):
    kind = DueKind("job", write, long=True, concurrency=3)
    due_work = DueWork(database, [kind], owner=OWNER)
    await start_jobs(database, *["greedy"] * 5)
    held = {("greedy", "job"): running_jobs}

    assert len(await claimed(due_work, database, held.items())) == expected
