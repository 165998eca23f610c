"""The queue engine: places by line and by workspace, each row once, and a database that is away for a moment."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import due
from opsloop_common.db import Context
from opsloop_common.due import DueKind, engine, rows
from opsloop_common.due.engine import Engine
from opsloop_common.due.port import Claimed, Gate
from opsloop_common.shares import Places
from opsloop_common.supervision import Pauses
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.wakeups import DUE

OWNER = uuid4()


@dataclass(frozen=True)
class Piece:
    workspace: str = "acme"
    group: str = "a"
    kind: str = "piece"
    id: object = field(default_factory=uuid4)


class Work:
    """Pieces to do, which end when they are released; `claim` and `record` fail as often as they are told to."""

    table = DUE
    kinds = ("piece",)
    never_left = 10
    poll_seconds = 0.05
    gather_seconds = 0.0
    record_seconds = 0.0
    drain_seconds = 0.1
    ended = "status = 'failed'"

    def __init__(self, *waiting, size=100, kept=10, per_group=10):
        self.waiting = list(waiting)
        self.begun, self.performed, self.recorded = [], [], []
        self.claims_fail = self.records_fail = 0
        self.release = asyncio.Event()
        self.shared, self.per_group = Places(size, kept=kept), per_group

    async def claim(self, ask):
        if self.claims_fail:
            self.claims_fail -= 1
            raise TimeoutError
        found, self.waiting = self.waiting[: ask.limit], self.waiting[ask.limit :]
        return Claimed(found)

    def places(self, item):
        return self.per_group

    def opens_in(self, item):
        return 0.0

    def begins(self, item):
        pass

    def gate(self, item):
        return Gate(((self.shared, (item.workspace,)),))

    async def perform(self, item):
        self.begun.append(item)
        if item.workspace != "healthy":
            await self.release.wait()
        self.performed.append(item)
        return item

    def broken(self, item, error):
        return item

    def settles(self, result):
        return False

    async def record(self, results, *, owner):
        if self.records_fail:
            self.records_fail -= 1
            raise ConnectionError
        self.recorded += results

    def goes_on_elsewhere(self, item):
        return False


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


@asynccontextmanager
async def running(database, work):
    made = Engine(database, work, owner=OWNER)
    task = asyncio.create_task(made.run())
    await until(lambda: DUE in database.wakeups.takers)
    try:
        yield made
    finally:
        work.release.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition, *, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 the condition is what the engine did
            await asyncio.sleep(0.005)


async def test_a_database_that_is_away_ends_nothing_that_is_in_flight(database, monkeypatch):
    monkeypatch.setattr(engine, "PAUSES", Pauses(first=0.01))
    pieces = [Piece(), Piece()]
    work = Work(*pieces)
    async with running(database, work):
        await until(lambda: not work.waiting)
        work.claims_fail = work.records_fail = 3
        database.wakeups.fire(DUE)
        await until(lambda: work.claims_fail == 0)
        work.release.set()
        await until(lambda: len(work.recorded) == 2)

    assert work.records_fail == 0
    assert set(work.performed) == set(work.recorded) == set(pieces)
    assert len(work.performed) == 2


async def test_what_is_written_down_is_taken_once(database):
    work, piece = Work(), Piece()
    async with running(database, work) as made:
        made.take([piece])
        made.take([piece])
        work.waiting.append(piece)  # as if a sweep had freed it, and a claim found it again
        database.wakeups.fire(DUE)
        await until(lambda: not work.waiting)
        work.release.set()
        await until(lambda: work.recorded)

    assert work.performed == [piece]


async def test_no_sweep_frees_a_claim_that_is_on_its_way_to_whoever_takes_it(database, monkeypatch):
    monkeypatch.setattr(engine, "SWEEP_SECONDS", 0.05)
    async with database.transaction(Context("acme")) as session:
        await due.schedule(session, "other", "a", database.clock.now())
    async with running(database, Work()) as made:
        async with database.transaction() as session:
            (row,) = await rows.claim_due(session, [(DueKind("other", None), 1)], now=database.clock.now(), owner=OWNER)
        with made.handing_over({row.id: ("acme", "a")}):
            database.clock.advance(timedelta(minutes=1))
            swept = made._swept_at
            time.sleep(0.2)  # noqa: ASYNC251 the loop stalls between the commit and the taking
            await until(lambda: made._swept_at > swept + 0.1)
            assert await owners(database) == [OWNER]

        async with asyncio.timeout(10):
            while await owners(database) != [None]:  # noqa: ASYNC110 the condition is in the database
                await asyncio.sleep(0.01)


async def owners(database):
    async with database.transaction() as session:
        return list(await session.scalars(text("SELECT owner FROM due")))


async def test_a_slow_group_fills_its_own_places_only(database):
    work = Work(*[Piece(group="slow") for _ in range(9)], Piece("healthy"), per_group=3)
    async with running(database, work):
        await until(lambda: any(piece.workspace == "healthy" for piece in work.recorded))
        assert sum(piece.group == "slow" for piece in work.begun) == 3


async def test_greedy_workspaces_leave_places_to_one_that_held_little(database):
    greedy = [Piece(f"greedy-{n % 4}", group=str(n)) for n in range(40)]
    work = Work(*greedy, size=8, kept=2)
    async with running(database, work) as made:
        await until(lambda: len(work.begun) >= 6)
        await asyncio.sleep(0)
        assert len(work.begun) < 9
        for _ in range(20):
            made.take([Piece("healthy")])
            await until(lambda: not any(item.workspace == "healthy" for item in made._tasks.values()))

    assert sum(piece.workspace == "healthy" for piece in work.performed) == 20
    assert len([piece for piece in work.performed[:20] if piece.workspace == "healthy"]) == 20


async def test_those_that_wait_for_a_share_are_let_in_by_weight_and_in_turn(database):
    work = Work(size=2, kept=0, per_group=10)
    now = Piece("first"), Piece("first")
    async with running(database, work) as made:
        made.take(now)
        await until(lambda: len(work.begun) == 2)
        later = [Piece("first", group="b"), Piece("light", group="x"), Piece("light", group="y")]
        made.take(later)
        work.release.set()
        await until(lambda: len(work.recorded) == 5)

    assert [piece.workspace for piece in work.begun[2:4]] == ["light", "light"]


async def test_being_behind_is_a_matter_of_the_workspace_alone(database):
    work = Work(*[Piece("greedy") for _ in range(30)])
    async with running(database, work) as made:
        await until(lambda: not work.waiting)
        await until(lambda: made.room("greedy", "b") == 0)

        assert made.room("healthy", "a") == work.never_left
        assert shown(database) == 30
    assert shown(database) == 0


def shown(database):
    (family,) = (each for each in database.meters._registry.collect() if each.name == "opsloop_queue_held")
    return next(sample.value for sample in family.samples if sample.labels == {"kind": "piece"})


async def test_a_workspace_leaves_room_in_memory_to_the_others(database, monkeypatch):
    monkeypatch.setattr(engine.limits, "QUEUE_HELD", 100)
    monkeypatch.setattr(engine.limits, "QUEUE_HELD_KEPT", 20)
    work = Work()
    work.never_left = 1_000
    async with running(database, work) as made:
        made.take([Piece("greedy", group=str(n)) for n in range(80)])

        assert made.room("greedy", "new") == 0
        assert made.room("healthy", "a") > 0


class Rated(Work):
    """Lets pieces begin only when a time has come."""

    opens_at = 0.0

    def places(self, item):
        return 0 if self.opens_in(item) else self.per_group

    def opens_in(self, item):
        return max(0.0, self.opens_at - asyncio.get_running_loop().time())

    def begins(self, item):
        self.opens_at = asyncio.get_running_loop().time() + 0.05


async def test_a_line_that_opens_with_time_goes_on_then(database):
    work = Rated(*(Piece("healthy", "a") for _ in range(4)))
    started = asyncio.get_running_loop().time()
    async with running(database, work):
        await until(lambda: len(work.recorded) == 4)

    assert asyncio.get_running_loop().time() - started >= 0.15
