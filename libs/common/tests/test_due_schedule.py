"""What scheduling and cancelling do to a row in each of its states, and what many wishes of one transaction come to."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from opsloop_common import due
from opsloop_common.db import Context, acting_for
from opsloop_common.due import DueKind
from opsloop_common.due.errors import ClaimLost
from opsloop_common.due.schedule import POLL_SECONDS, finish_with, hold_claim
from opsloop_common.due.tables import due as due_table
from opsloop_common.testing.due import run_due
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note
from opsloop_common.wakeups import DUE

ACME = Context(workspace="acme", actor="key:1")
OWNER, OTHER = UUID(int=1), UUID(int=2)  # the same in each process: they stand in names of tests

WAITING = "owner = NULL"
FAILING = "attempts = 3, last_error = 'no', first_failed_at = now()"
CLAIMED = f"owner = '{OWNER}', claimed_at = now(), attempts = 2"
CLAIMED_AND_AGAIN = f"{CLAIMED}, again_at = due_at + interval '40 s'"
FAILED = "status = 'failed', attempts = 8, last_error = 'no', first_failed_at = now()"
EARLIER, LATER = 10, 60  # the row itself is due after 30 s


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def put(database, key="k", *, seconds, context=ACME, **options):
    async with database.transaction(context) as session:
        await due.schedule(session, "kind", key, database.clock.now() + timedelta(seconds=seconds), **options)


async def change(database, what):
    async with database.transaction() as session:
        await session.execute(text(f"UPDATE due SET {what}"))


async def the_row(database):
    async with database.transaction() as session:
        return (await session.execute(select(due_table))).one_or_none()


def seconds_after(start, at):
    return None if at is None else round((at - start).total_seconds())


@pytest.mark.parametrize(
    ("before", "seconds", "replace", "due_at", "again_at", "attempts"),
    [
        (WAITING, EARLIER, False, 10, None, 0),
        (WAITING, LATER, False, 30, None, 0),
        (WAITING, EARLIER, True, 10, None, 0),
        (WAITING, LATER, True, 60, None, 0),
        (FAILING, EARLIER, False, 10, None, 3),
        (FAILING, LATER, False, 30, None, 3),
        (FAILING, LATER, True, 60, None, 3),
        (CLAIMED, EARLIER, False, 30, 10, 2),
        (CLAIMED, LATER, False, 30, 60, 2),
        (CLAIMED, LATER, True, 30, 60, 2),
        (CLAIMED_AND_AGAIN, EARLIER, False, 30, 10, 2),
        (CLAIMED_AND_AGAIN, 65, False, 30, 65, 2),
        (CLAIMED_AND_AGAIN, 75, False, 30, 70, 2),
        (CLAIMED_AND_AGAIN, 75, True, 30, 75, 2),
        (FAILED, EARLIER, False, 10, None, 0),
        (FAILED, LATER, False, 60, None, 0),
        (FAILED, LATER, True, 60, None, 0),
    ],
)
async def test_a_row_is_asked_for_again_in_each_of_its_states(
    database, before, seconds, replace, due_at, again_at, attempts
):
    start = database.clock.now()
    await put(database, seconds=30)
    await change(database, before)
    owner = (await the_row(database)).owner

    await put(database, seconds=seconds, replace=replace)

    row = await the_row(database)
    assert (seconds_after(start, row.due_at), seconds_after(start, row.again_at)) == (due_at, again_at)
    assert (row.status, row.attempts, row.owner) == ("waiting", attempts, owner)


@pytest.mark.parametrize("before", [WAITING, FAILING, CLAIMED, CLAIMED_AND_AGAIN, FAILED])
async def test_it_is_forgotten_in_each_of_its_states(database, before):
    await put(database, seconds=30)
    await put(database, "another", seconds=30)
    await put(database, seconds=30, context=Context("other"))
    await change(database, before)

    async with database.transaction(ACME) as session:
        await due.cancel(session, "kind", "k")
        await due.cancel(session, "another kind", "another")

    async with database.transaction() as session:
        left = (await session.execute(select(due_table.c.workspace, due_table.c.key))).all()
    assert sorted(left) == [("acme", "another"), ("other", "k")]


def at(seconds, *, exactly=False):
    return seconds, exactly


CANCEL = None


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ([at(5), at(9)], 5),
        ([at(9), at(5)], 5),
        ([at(5), at(9, exactly=True)], 9),
        ([at(9, exactly=True), at(5)], 5),
        ([at(50, exactly=True), at(60)], 50),  # still exact: what waits since before moves back
        ([at(5), CANCEL], None),
        ([CANCEL, at(60)], 60),  # a new row, whatever the old one's time was
        ([CANCEL, at(60), at(50)], 50),
        ([CANCEL, at(60), CANCEL], None),
        ([at(60)], 30),
    ],
)
@pytest.mark.parametrize("waits", [True, False])
async def test_what_the_wishes_of_one_transaction_come_to(database, wishes, expected, waits):
    start = database.clock.now()
    if waits:
        await put(database, seconds=30)

    async with database.transaction(ACME) as session:
        for wish in wishes:
            if wish is CANCEL:
                await due.cancel(session, "kind", "k")
            else:
                later = start + timedelta(seconds=wish[0])
                await due.schedule(session, "kind", "k", later, replace=wish[1])

    row = await the_row(database)
    alone = wishes == [at(60)] and not waits
    assert (row and seconds_after(start, row.due_at)) == (60 if alone else expected)


async def test_the_newest_payload_priority_and_group_hold_whatever_the_time(database):
    await put(database, seconds=30, payload={"n": 1}, priority=5, group="a")
    await put(database, seconds=60, payload={"n": 2}, priority=1)

    row = await the_row(database)
    assert (row.payload, row.priority, row.group_key) == ({"n": 2}, 1, "")

    async with database.transaction(ACME) as session:
        await due.schedule(session, "kind", "k", database.clock.now(), payload={"n": 3}, group="b")
        await due.schedule(session, "kind", "k", database.clock.now() + timedelta(hours=1), payload={"n": 4}, group="c")
    row = await the_row(database)
    assert (row.payload, row.group_key, row.due_at) == ({"n": 4}, "c", database.clock.now())


@pytest.mark.parametrize(
    ("before", "wished", "kept"),
    [(WAITING, 1, 1), (CLAIMED, 1, 1), (CLAIMED_AND_AGAIN, 1, 5), (CLAIMED_AND_AGAIN, 9, 9), (FAILED, 1, 1)],
)
async def test_who_puts_off_what_it_handles_does_not_put_off_what_others_wished_meanwhile(
    database, before, wished, kept
):
    await put(database, seconds=30, priority=5)
    await change(database, before)

    await put(database, seconds=60, priority=wished)

    assert (await the_row(database)).priority == kept


@pytest.mark.parametrize(
    ("again", "cause"),
    [
        ({"seconds": 60, "payload": {"n": 1}}, "first"),  # it changes nothing
        ({"seconds": 10, "payload": {"n": 1}}, "second"),
        ({"seconds": 60, "payload": {"n": 2}}, "second"),
        ({"seconds": 30, "payload": {"n": 1}, "replace": True}, "second"),
    ],
)
async def test_its_cause_is_whoever_changed_it_last(database, again, cause):
    first, second = Context("acme", correlationid="first"), Context("acme", correlationid="second")
    await put(database, seconds=30, payload={"n": 1}, context=first)

    await put(database, context=second, **again)

    assert (await the_row(database)).context["correlationid"] == cause


async def test_a_row_stands_in_the_workspace_that_the_session_acts_for(database):
    async with database.transaction(ACME) as session:
        with acting_for(session, Context("beta", correlationid="of beta")):
            await due.schedule(session, "kind", "k", database.clock.now())
        await due.schedule(session, "kind", "k", database.clock.now())

    async with database.transaction() as session:
        found = (await session.execute(select(due_table.c.workspace, due_table.c.context))).all()
    assert {row.workspace: row.context.get("correlationid") for row in found}["beta"] == "of beta"
    assert sorted(row.workspace for row in found) == ["acme", "beta"]


async def test_two_transactions_that_want_the_same_rows_in_another_order_never_deadlock(database):
    keys = [str(n) for n in range(20)]

    async def want(order):
        async with database.transaction(ACME) as session:
            for key in order:
                await due.schedule(session, "kind", key, database.clock.now(), payload={"by": order[0]})

    await asyncio.gather(*(want(order) for order in [keys, keys[::-1]] * 10))

    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM due")) == len(keys)


@pytest.mark.parametrize(
    ("settle", "owner", "commits", "left"),
    [
        (finish_with, OWNER, True, 0),
        (finish_with, OTHER, False, 1),
        (finish_with, None, False, 1),
        (hold_claim, OWNER, True, 1),
        (hold_claim, OTHER, False, 1),
        (hold_claim, None, False, 1),
    ],
)
async def test_a_transaction_takes_effect_only_while_its_claim_holds(database, settle, owner, commits, left):
    await put(database, seconds=0)
    await change(database, f"owner = '{owner}'" if owner else "owner = NULL")
    row = await the_row(database)

    async def work():
        async with database.transaction(ACME) as session:
            settle(session, row.id, OWNER)
            session.add(Note(workspace="acme", text="effect"))

    if commits:
        await work()
    else:
        with pytest.raises(ClaimLost, match=f"due row {row.id} is no longer claimed"):
            await work()

    async with database.transaction(ACME) as session:
        assert await session.scalar(text("SELECT count(*) FROM note")) == commits
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM due")) == left


async def test_what_is_asked_for_during_its_last_failing_try_is_tried_anew(database):
    async def fails(session, row):
        await put(database, seconds=20, payload={"news": True})
        raise ValueError("cannot")

    await put(database, seconds=0)
    start = database.clock.now()

    assert await run_due(database, [DueKind("kind", fails, max_attempts=1)], raising=False) == 0

    row = await the_row(database)
    assert (row.status, row.attempts, row.again_at, row.owner) == ("waiting", 0, None, None)
    assert (seconds_after(start, row.due_at), row.payload) == (20, {"news": True})


@pytest.mark.parametrize("seconds", [0, 3600])
async def test_what_is_asked_for_during_a_failing_try_is_neither_unseen_nor_lost(database, seconds):
    seen = []

    async def fails_once(session, row):
        seen.append(row.payload)
        if len(seen) == 1:
            await put(database, seconds=seconds, payload={"news": True})
            raise ValueError("cannot")

    kind = DueKind("kind", fails_once)
    start = database.clock.now()
    await put(database, seconds=0)
    assert await run_due(database, [kind], raising=False) == 0
    database.clock.advance(2)
    await run_due(database, [kind])

    assert seen[:2] == [{}, {"news": True}]
    row = await the_row(database)
    assert (row and seconds_after(start, row.due_at)) == (seconds or None)


@pytest.mark.parametrize(
    ("seconds", "wakes"), [(-1, True), (0, True), (POLL_SECONDS, True), (POLL_SECONDS + 1, False), (3600, False)]
)
async def test_only_what_is_due_before_the_next_look_wakes_the_runner(database, seconds, wakes):
    woken = database.wakeups.subscribe(DUE)

    await put(database, seconds=seconds)

    assert woken.is_set() is wakes


@pytest.mark.parametrize(("state", "wakes"), [(CLAIMED, False), (CLAIMED_AND_AGAIN, True)])
async def test_what_was_scheduled_meanwhile_wakes_the_runner_when_its_row_is_done(database, state, wakes):
    await put(database, seconds=30)
    await change(database, state)
    row = await the_row(database)
    woken = database.wakeups.subscribe(DUE)

    async with database.work(ACME) as session:
        finish_with(session, row.id, OWNER)

    assert woken.is_set() is wakes
