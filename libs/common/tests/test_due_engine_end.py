"""The queue engine's claims, results and end: how long it waits, what it asks for, what it writes down, what it gives back."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from asyncpg import UndefinedTableError
from sqlalchemy import text

from opsloop_common import due
from opsloop_common.db import Context
from opsloop_common.due import DueKind, engine
from opsloop_common.due.engine import BACKLOG_SECONDS, BATCH, LEAST_OF_A_WORKSPACE, Engine
from opsloop_common.due.port import Claimed, Gate
from opsloop_common.due.rows import claim_due
from opsloop_common.shares import Places
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.wakeups import DUE

OWNER = uuid4()
POLL = 7.0


@dataclass(frozen=True)
class Piece:
    workspace: str = "acme"
    group: str = "a"
    kind: str = "piece"
    id: object = field(default_factory=uuid4)
    does: str = "ends"


class Work:
    """A queue whose claims are told to it; a piece ends, raises, or hangs until it is let go."""

    table = DUE
    kinds = ("piece",)
    never_left = 10
    poll_seconds = POLL
    gather_seconds = 0.0
    record_seconds = 0.0
    drain_seconds = 0.05
    ended = "status = 'failed'"

    def __init__(self, *claims):
        self.claims, self.asked = list(claims), []
        self.stopped, self.batches = [], []
        self.fault = None
        self.let_go = asyncio.Event()
        self.shared = Places(10_000, kept=1)

    @property
    def recorded(self):
        return [result for batch in self.batches for result in batch]

    async def claim(self, ask):
        self.asked.append(ask)
        return self.claims.pop(0) if self.claims else Claimed(())

    def places(self, item):
        return 10_000

    def opens_in(self, item):
        return 0.0

    def begins(self, item):
        pass

    def gate(self, item):
        return Gate(((self.shared, (item.workspace,)),))

    async def perform(self, item):
        try:
            if item.does == "raises":
                raise ValueError("broken")
            if item.does != "ends":
                await self.let_go.wait()
        except asyncio.CancelledError:
            self.stopped.append(item)
            raise
        return item

    def broken(self, item, error):
        return (item, str(error))

    def settles(self, result):
        return False

    async def record(self, results, *, owner):
        if self.fault is not None:
            raise self.fault
        self.batches.append(list(results))

    def bare(self, result):
        return result

    def goes_on_elsewhere(self, item):
        return item.does == "is a job"


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 the condition is what the engine did
            await asyncio.sleep(0.005)


async def ended(task):
    task.cancel()
    return (await asyncio.gather(task, return_exceptions=True))[0]


@pytest.mark.parametrize(
    ("count", "next_in", "expected"),
    [
        (0, None, POLL),
        (3, None, POLL),
        (0, 3, 3.001),
        (0, 60, POLL),
        (3, -5, 0.0),
        (10, None, BACKLOG_SECONDS),  # as many as are held of a line: there may be more
        (10, 3, BACKLOG_SECONDS),
    ],
)
async def test_how_long_to_wait_for_the_next_claim(database, count, next_in, expected):
    next_at = None if next_in is None else database.clock.now() + timedelta(seconds=next_in)
    made = Engine(database, Work(Claimed([Piece() for _ in range(count)], next_at)), owner=OWNER)

    assert await made.claim() == pytest.approx(expected, abs=1e-6)


async def test_it_asks_for_what_it_has_room_for_and_not_for_those_who_have_enough(database, monkeypatch):
    monkeypatch.setattr(engine.limits, "QUEUE_HELD", 100)
    monkeypatch.setattr(engine.limits, "QUEUE_HELD_KEPT", 40)
    work = Work()
    made = Engine(database, work, owner=OWNER)
    made.take([Piece("greedy", does="hangs") for _ in range(60)])
    made.take([Piece("light", does="hangs")])

    await made.claim()

    (ask,) = work.asked
    assert (ask.owner, ask.now, ask.limit, ask.share) == (OWNER, database.clock.now(), 39, BATCH)
    assert list(ask.full) == ["greedy"]
    assert dict(ask.held) == {("greedy", "a"): 60, ("light", "a"): 1}
    assert made.room("greedy", "b") == 0

    made.take([Piece(f"w{n}", does="hangs") for n in range(39)])
    assert await made.claim() == POLL
    assert len(work.asked) == 1, "without room nothing is asked"
    work.let_go.set()
    await asyncio.gather(*made._tasks)


async def test_what_is_being_handed_over_has_its_room_already(database):
    made = Engine(database, Work(), owner=OWNER)
    spare = made.spare("greedy")

    with made.handing_over(on_their_way(spare - 3, "c")):
        assert (made.spare("greedy"), made.room("greedy", "a")) == (3, 3)
        with made.handing_over(on_their_way(3, "c")):
            assert (made.spare("greedy"), made.room("greedy", "b")) == (0, 0)

    assert made.spare("greedy") == spare


async def test_what_is_being_handed_over_counts_in_its_line_for_a_claim_and_for_the_next(database):
    made = Engine(database, Work(), owner=OWNER)
    made.take([Piece("greedy", does="hangs")])
    before = made.room("greedy", "a")

    with made.handing_over(on_their_way(2, "a")), made.handing_over(on_their_way(1, "b")):
        assert (made.room("greedy", "a"), made.room("greedy", "b")) == (before - 2, Work.never_left - 1)
        assert made._ask().held == {("greedy", "a"): 3, ("greedy", "b"): 1}

    assert (made.room("greedy", "a"), made._ask().held) == (before, {("greedy", "a"): 1})
    for task in made._tasks:
        task.cancel()


def on_their_way(count, group):
    return {uuid4(): ("greedy", group) for _ in range(count)}


@pytest.mark.parametrize(("behind", "share"), [(0, BATCH), (1, BATCH), (5, BATCH // 5), (400, LEAST_OF_A_WORKSPACE)])
async def test_the_more_workspaces_are_behind_the_less_each_gives(database, behind, share):
    made = Engine(database, Work(), owner=OWNER)
    made._behind = frozenset(str(n) for n in range(behind))

    assert made._ask().share == share
    assert [made.room("0", "a"), made.room("light", "a")] == [0 if behind else Work.never_left, Work.never_left]


async def test_one_that_breaks_has_a_result_like_the_others_and_gives_its_place_back(database):
    broken, whole = Piece(does="raises"), Piece()
    work = Work(Claimed([broken, whole]))
    made = Engine(database, work, owner=OWNER)
    task = asyncio.create_task(made.run())
    await until(lambda: len(work.recorded) == 2)
    await ended(task)

    assert set(work.recorded) == {(broken, "broken"), whole}
    assert (work.shared.taken, made._held, made._running) == (0, Counter(), Counter())
    assert made._memory.taken == 0


async def test_results_are_recorded_many_at_once(database):
    work = Work(Claimed([Piece(str(n)) for n in range(BATCH + 100)]))
    task = asyncio.create_task(Engine(database, work, owner=OWNER).run())
    await until(lambda: len(work.recorded) == BATCH + 100)
    await ended(task)

    assert max(len(batch) for batch in work.batches) <= BATCH
    assert len(work.batches) < 20


async def test_at_the_end_what_can_end_does_jobs_stop_at_once_and_the_rest_is_stopped(database):
    job, hangs, ends = Piece(does="is a job"), Piece(does="hangs"), Piece()
    work = Work(Claimed([job, hangs, ends]))
    made = Engine(database, work, owner=OWNER)
    task = asyncio.create_task(made.run())
    await until(lambda: ends in work.recorded)
    await ended(task)

    assert work.stopped == [job, hangs]
    assert work.recorded == [ends]
    assert (DUE in database.wakeups.takers, made._ids, made._tasks) == (False, set(), {})


async def test_what_ends_while_the_engine_does_is_recorded_too(database):
    late = Piece(does="hangs")
    work = Work(Claimed([late]))
    work.drain_seconds = 10.0
    made = Engine(database, work, owner=OWNER)
    task = asyncio.create_task(made.run())
    await until(lambda: made._tasks)
    asyncio.get_running_loop().call_later(0.02, work.let_go.set)
    await ended(task)

    assert (work.stopped, work.recorded) == ([], [late])


async def test_a_fault_of_the_database_is_waited_out_and_at_the_end_left_to_the_next(database):
    async with database.transaction(Context("acme")) as session:
        await due.schedule(session, "piece", "k", database.clock.now())
    async with database.transaction() as session:
        (row,) = await claim_due(session, [(DueKind("piece", None), 1)], now=database.clock.now(), owner=OWNER)
    work = Work(Claimed([Piece(id=row.id)]))
    work.fault = UndefinedTableError("a wrong statement")
    made = Engine(database, work, owner=OWNER)
    task = asyncio.create_task(made.run())
    await until(lambda: made._is_stuck)
    assert not task.done()
    task.cancel()
    with pytest.raises(UndefinedTableError):
        await task
    assert DUE not in database.wakeups.takers

    work = Work()
    task = asyncio.create_task(Engine(database, work, owner=OWNER).run())
    await until(lambda: work.asked)
    await ended(task)

    async with database.transaction() as session:
        assert (await session.execute(text("SELECT owner, attempts FROM due"))).one() == (None, 0)


async def test_what_is_claimed_again_before_it_was_let_go_is_given_back(database):
    async with database.transaction(Context("acme")) as session:
        await due.schedule(session, "piece", "k", database.clock.now())
    async with database.transaction() as session:
        (row,) = await claim_due(session, [(DueKind("piece", None), 1)], now=database.clock.now(), owner=uuid4())
    late = Piece(id=row.id, does="hangs")
    work = Work(Claimed([late]))
    made = Engine(database, work, owner=OWNER)
    task = asyncio.create_task(made.run())
    await until(lambda: made._tasks)
    async with database.transaction() as session:
        await session.execute(text("UPDATE due SET owner = :owner"), {"owner": OWNER})
    made.take([late])
    work.let_go.set()
    await until(lambda: work.recorded)
    database.wakeups.fire(DUE)
    await until(lambda: not made._twice)
    async with database.transaction() as session:
        assert (await session.execute(text("SELECT owner FROM due"))).one() == (None,)
    await ended(task)

    assert work.recorded == [late], "it is not done again"


async def test_a_row_may_be_on_its_way_twice_until_both_have_come(database):
    made, id = Engine(database, Work(), owner=OWNER), uuid4()
    line = ("acme", "a")
    with made.handing_over({id: line, uuid4(): line}):
        with made.handing_over({id: line}):
            assert (made._handed[id], made._held[line]) == (2, 3)
        assert set(made._handed) >= {id}
    assert made._handed == made._held == Counter()


async def test_a_wake_up_ends_the_wait(database):
    work = Work()
    task = asyncio.create_task(Engine(database, work, owner=OWNER).run())
    await until(lambda: len(work.asked) == 1)

    work.claims.append(Claimed([Piece()]))
    database.wakeups.fire(DUE)

    await until(lambda: work.recorded)
    await ended(task)
