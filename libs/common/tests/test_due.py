"""Due rows: scheduled with their cause, handled once, tried again, never lost."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, select, text

from opsloop_common import due, outbox
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context
from opsloop_common.due import DueKind, rows
from opsloop_common.due.runner import DueRunner
from opsloop_common.due.tables import due as due_table
from opsloop_common.due.workers import alive, beat
from opsloop_common.outbox.tables import outbox as outbox_table
from opsloop_common.testing.due import run_due
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note
from opsloop_common.wakeups import DUE

ACME = Context(workspace="acme", actor="key:1")


async def write_note(session, row):
    session.add(Note(workspace=row.workspace, text=row.key))


NOTE = DueKind("note", write_note)


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def notes(database, workspace="acme"):
    async with database.transaction(Context(workspace)) as session:
        return list(await session.scalars(select(Note.text).order_by(Note.id)))


async def due_rows(database):
    async with database.transaction() as session:
        return (await session.execute(select(due_table).order_by(due_table.c.id))).all()


async def put(database, key, *, kind="note", seconds=0, **options):
    async with database.transaction(options.pop("context", ACME)) as session:
        await due.schedule(session, kind, key, database.clock.now() + timedelta(seconds=seconds), **options)


async def until(condition, *, seconds=30):
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 the condition is in the database
            await asyncio.sleep(0.01)


async def test_runs_when_due_in_its_workspace_and_is_gone(database):
    await put(database, "now")
    await put(database, "theirs", context=Context("other"))
    await put(database, "later", seconds=60)

    assert await run_due(database, [NOTE]) == 2
    assert await notes(database) == ["now"]
    assert await notes(database, "other") == ["theirs"]
    assert [row.key for row in await due_rows(database)] == ["later"]
    database.clock.advance(60)
    assert await run_due(database, [NOTE]) == 1
    assert await due_rows(database) == []


async def test_a_rolled_back_transaction_schedules_nothing(database):
    with pytest.raises(RuntimeError):
        async with database.transaction(ACME) as session:
            await due.schedule(session, "note", "a", database.clock.now())
            raise RuntimeError

    assert await run_due(database, [NOTE]) == 0


async def test_a_waiting_row_moves_to_the_earlier_time_unless_replaced(database):
    start = database.clock.now()
    await put(database, "a", seconds=60)
    await put(database, "a", seconds=30, payload={"n": 2})
    await put(database, "a", seconds=90, payload={"n": 3})
    assert [(r.due_at - start, r.payload) for r in await due_rows(database)] == [(timedelta(seconds=30), {"n": 3})]

    await put(database, "a", seconds=90, replace=True)

    assert [r.due_at - start for r in await due_rows(database)] == [timedelta(seconds=90)]


async def test_scheduling_what_is_scheduled_already_writes_nothing_and_still_holds_the_row(database):
    await put(database, "a", payload={"n": 1})
    (before,) = await versions(database)

    async with database.transaction(ACME) as session:
        await due.schedule(session, "note", "a", database.clock.now() + timedelta(hours=1), payload={"n": 1})
        session.add(Note(workspace="acme", text="of the transaction"))
        await session.run_sync(lambda sync: sync.dispatch.before_commit(sync))  # as its COMMIT is about to be
        during = await run_due(database, [NOTE])
    (after,) = await versions(database)

    assert during == 0
    assert before == after
    assert await run_due(database, [NOTE]) == 1


async def versions(database):
    async with database.transaction() as session:
        return list(await session.scalars(text("SELECT xmin::text FROM due")))


async def test_the_last_word_of_one_transaction_counts(database):
    now = database.clock.now()
    await put(database, "cancelled", seconds=5)
    async with database.transaction(ACME) as session:
        await due.schedule(session, "note", "twice", now + timedelta(seconds=9))
        await due.schedule(session, "note", "twice", now + timedelta(seconds=3))
        await due.cancel(session, "note", "cancelled")
        await due.schedule(session, "note", "dropped", now)
        await due.cancel(session, "note", "dropped")

    assert [(r.key, r.due_at - now) for r in await due_rows(database)] == [("twice", timedelta(seconds=3))]


async def test_events_of_due_work_name_its_cause(database):
    cause = Context("acme", actor="key:1", correlationid="c", causationid=str(uuid4()), causationdepth=2)
    campaign_id = uuid4()

    async def emit(session, row):
        outbox.append(session, CampaignPaused(campaign_id=campaign_id, name="x"))

    await put(database, "a", kind="emit", context=cause)
    await run_due(database, [DueKind("emit", emit)])

    async with database.transaction() as session:
        event = Event.from_bytes(await session.scalar(select(outbox_table.c.payload)))
    assert (event.correlationid, event.causationid, event.causationdepth) == ("c", cause.causationid, 2)
    assert event.actor == "system"


async def test_failure_backs_off_keeps_its_reason_and_ends_as_failed(database):
    async def fail(session, row):
        await write_note(session, row)
        raise ValueError("no \0 way")

    kind = DueKind("bad", fail, max_attempts=3)
    await put(database, "a", kind="bad")
    waits = []
    for _ in range(2):
        with pytest.raises(ValueError, match="way"):
            await run_due(database, [kind])
        (row,) = await due_rows(database)
        waits.append((row.due_at - database.clock.now()).total_seconds())
        database.clock.set(row.due_at)

    assert await run_due(database, [kind], raising=False) == 0

    assert 1 <= waits[0] <= 1.2
    assert 5 <= waits[1] <= 6
    (row,) = await due_rows(database)
    assert (row.status, row.attempts, row.last_error, row.owner) == ("failed", 3, "ValueError: no  way", None)
    assert await notes(database) == []
    database.clock.advance(3600)
    assert await run_due(database, [kind]) == 0

    await put(database, "a", kind="bad")  # asked for again, it starts anew
    (row,) = await due_rows(database)
    assert (row.status, row.attempts) == ("waiting", 0)


async def test_a_handler_may_schedule_its_own_row_again(database):
    async def tick(session, row):
        await write_note(session, row)
        await due.schedule(session, "tick", row.key, row.due_at + timedelta(minutes=1))

    await put(database, "a", kind="tick")
    assert await run_due(database, [DueKind("tick", tick)]) == 1
    database.clock.advance(61)
    assert await run_due(database, [DueKind("tick", tick)]) == 1

    (row,) = await due_rows(database)
    assert (row.attempts, row.owner) == (0, None)
    assert len(await notes(database)) == 2


async def test_scheduled_while_being_handled_runs_again(database):
    runs = []

    async def handler(session, row):
        runs.append(row.payload)
        if len(runs) == 1:
            await put(database, "a", kind="busy", payload={"news": True})
            await put(database, "a", kind="busy", payload={"news": True}, seconds=60)

    await put(database, "a", kind="busy")
    assert await run_due(database, [DueKind("busy", handler)]) == 2

    assert runs == [{}, {"news": True}]
    assert await due_rows(database) == []


async def test_cancelled_while_being_handled_has_no_effect(database):
    async def handler(session, row):
        await write_note(session, row)
        async with database.transaction(ACME) as other:
            await due.cancel(other, "busy", "a")

    await put(database, "a", kind="busy")
    await run_due(database, [DueKind("busy", handler)])

    assert await notes(database) == []
    assert await due_rows(database) == []


async def test_a_worker_that_lost_its_claim_has_no_effect(database):
    async def handler(session, row):
        await write_note(session, row)
        async with database.transaction() as other:
            await other.execute(text("UPDATE due SET owner = :other"), {"other": uuid4()})

    await put(database, "a", kind="busy")
    await run_due(database, [DueKind("busy", handler)])

    assert await notes(database) == []
    assert len(await due_rows(database)) == 1


async def test_claimed_by_a_worker_that_died_runs_when_its_heart_has_stopped(database):
    dead = uuid4()
    await put(database, "a")
    await beat(database, dead, instance="dead")
    async with database.transaction() as session:
        assert len(await rows.claim_due(session, [(NOTE, 10)], now=database.clock.now(), owner=dead)) == 1
    assert await run_due(database, [NOTE]) == 0

    async with database.transaction() as session:
        await session.execute(
            text("UPDATE worker SET heartbeat_at = clock_timestamp() - interval '11 s' WHERE id = :id"), {"id": dead}
        )

    assert await run_due(database, [NOTE]) == 1
    assert await notes(database) == ["a"]


async def test_the_only_process_frees_older_claims_at_start(database):
    before = uuid4()
    await put(database, "a")
    await beat(database, before, instance="killed a moment ago")
    async with database.transaction() as session:
        await rows.claim_due(session, [(NOTE, 10)], now=database.clock.now(), owner=before)

    async with alive(database, uuid4(), instance="new", alone=True):
        assert await run_due(database, [NOTE]) == 1


async def test_urgent_rows_go_first_and_groups_have_their_limit(database):
    for key in ("a1", "a2", "a3"):
        await put(database, key, kind="grouped", group="a")
    await put(database, "b1", kind="grouped", group="b")
    await put(database, "free", kind="grouped")
    await put(database, "urgent", kind="grouped", group="b", priority=9)
    kind = DueKind("grouped", write_note, per_group=2)

    async with database.transaction() as session:
        first = await rows.claim_due(session, [(kind, 10)], now=database.clock.now(), owner=uuid4())
        second = await rows.claim_due(session, [(kind, 10)], now=database.clock.now(), owner=uuid4())

    assert first[0].row.key == "urgent"
    assert sorted(item.row.key for item in first) == ["a1", "a2", "b1", "free", "urgent"]
    assert second == []


async def test_claiming_many_rows_of_many_kinds_is_one_statement(database):
    kinds = [DueKind(name, write_note) for name in ("k1", "k2", "k3")]
    async with database.transaction(ACME) as session:
        for n in range(500):
            await due.schedule(session, f"k{n % 2 + 1}", str(n), database.clock.now())
    statements: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *a: statements.append(a[2]))

    async with database.transaction() as session:
        claimed = await rows.claim_due(session, [(k, 500) for k in kinds], now=database.clock.now(), owner=uuid4())

    assert len(claimed) == 500
    assert len(statements) == 1


async def test_two_runners_at_once_do_each_row_once(database):
    async with database.transaction(ACME) as session:
        for n in range(300):
            await due.schedule(session, "note", f"{n:03}", database.clock.now())

    async with (
        DueRunner(database, [NOTE], owner=uuid4()).running(),
        DueRunner(database, [NOTE], owner=uuid4()).running(),
    ):

        async def all_done():
            return await due_rows(database) == []

        await until(all_done)

    assert sorted(await notes(database)) == [f"{n:03}" for n in range(300)]


async def test_the_runner_wakes_up_for_a_row_scheduled_a_moment_ago(database):
    async with DueRunner(database, [NOTE], owner=uuid4(), poll_seconds=600).running():
        for key in ("a", "b"):
            await put(database, key)

            async def written(key=key):
                return key in await notes(database)

            await until(written)


async def test_a_stopping_runner_finishes_what_runs_and_gives_back_the_rest(database):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(session, row):
        entered.set()
        await leave.wait()
        await write_note(session, row)

    kind = DueKind("slow", slow, concurrency=1)
    for key in ("a", "b", "c"):
        await put(database, key, kind="slow")
    owner = uuid4()
    async with alive(database, owner, instance="x"), DueRunner(database, [kind], owner=owner).running():
        await entered.wait()
        asyncio.get_running_loop().call_later(0.05, leave.set)

    assert await notes(database) == ["a"]
    assert [(row.key, row.owner, row.attempts) for row in await due_rows(database)] == [("b", None, 0), ("c", None, 0)]


async def test_a_handler_that_takes_too_long_is_stopped_and_counts_as_failed(database):
    async def hang(session, row):
        await asyncio.Event().wait()

    kind = DueKind("hang", hang, lease_seconds=0.05)
    await put(database, "a", kind="hang")

    assert await run_due(database, [kind], raising=False) == 0

    (row,) = await due_rows(database)
    assert row.attempts == 1
    assert "not done within" in row.last_error


async def test_a_fault_of_the_database_does_not_count_as_a_try(database):
    async def cut_off(session, row):
        await session.execute(text("SET LOCAL statement_timeout = '10ms'"))
        await session.execute(text("SELECT pg_sleep(5)"))

    await put(database, "a", kind="cut")

    assert await run_due(database, [DueKind("cut", cut_off, max_attempts=1)], raising=False) == 0

    (row,) = await due_rows(database)
    assert (row.status, row.attempts, row.owner) == ("waiting", 0, None)


async def test_a_savepoint_that_is_rolled_back_takes_nothing_of_the_rest_with_it(database):
    campaign_id = uuid4()

    async def handler(session, row):
        await due.schedule(session, "other", "b", database.clock.now() + timedelta(hours=1))
        outbox.append(session, CampaignPaused(campaign_id=campaign_id, name="x"))
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                session.add(Note(workspace="acme", text="undone"))
                raise ZeroDivisionError
        await write_note(session, row)

    await put(database, "a", kind="nested")
    assert await run_due(database, [DueKind("nested", handler)]) == 1

    assert await notes(database) == ["a"]
    assert [row.key for row in await due_rows(database)] == ["b"]
    async with database.transaction() as session:
        assert len((await session.execute(select(outbox_table))).all()) == 1


async def test_the_wake_up_comes_after_the_commit_also_with_savepoints(database):
    heard = database.wakeups.subscribe(DUE)

    async with database.transaction(ACME) as session:
        await due.schedule(session, "note", "a", database.clock.now())
        async with session.begin_nested():
            session.add(Note(workspace="acme", text="kept"))
        early = heard.is_set()

    assert not early
    assert heard.is_set()
