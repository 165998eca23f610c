"""One result that cannot be recorded takes none of its neighbours with it, nor the loop; what is done is never done again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opsloop_common import due
from opsloop_common.db import Context
from opsloop_common.due import DueKind, engine
from opsloop_common.due import work as due_work
from opsloop_common.due.engine import Engine
from opsloop_common.due.port import Claimed, Gate
from opsloop_common.due.rows import claim_due
from opsloop_common.due.runner import DueRunner
from opsloop_common.supervision import Pauses
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.wakeups import DUE

OWNER = uuid4()
NOTHING = "nothing of it can be stored"


@dataclass(frozen=True)
class Piece:
    id: int
    said: str
    workspace: str = "acme"
    group: str = "a"
    kind: str = "piece"


class Work:
    """Pieces whose results hold what others said; recorded as text of PostgreSQL, all of them in one statement."""

    table = DUE
    kinds = ("piece",)
    never_left = 1_000
    poll_seconds = 0.05
    gather_seconds = 0.0
    record_seconds = 0.0
    drain_seconds = 1.0
    ended = "status = 'failed'"

    def __init__(self, database):
        self.database, self.fault = database, None
        self.performed, self.tried, self.recorded = [], [], {}

    async def claim(self, ask):
        return Claimed([])

    def places(self, item):
        return 1_000

    def opens_in(self, item):
        return 0.0

    def begins(self, item):
        pass

    def gate(self, item):
        return Gate(())

    async def perform(self, item):
        self.performed.append(item.id)
        return item

    def broken(self, item, error):
        raise AssertionError

    def settles(self, result):
        return False

    async def record(self, results, *, owner):
        self.tried.append(len(results))
        if self.fault is not None:
            raise self.fault
        async with self.database.transaction() as session:
            assert all(piece.said != NOTHING for piece in results)
            await session.execute(text("SELECT CAST(:said AS text[])"), {"said": [piece.said for piece in results]})
        self.recorded |= {piece.id: piece.said for piece in results}

    def bare(self, result):
        return result if result.said == NOTHING else Piece(result.id, "in our words")

    def goes_on_elsewhere(self, item):
        return False


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(engine, "PAUSES", Pauses(first=0.01, longest=0.01))


@asynccontextmanager
async def running(database, work):
    made = Engine(database, work, owner=OWNER)
    task = asyncio.create_task(made.run())
    await until(lambda: DUE in database.wakeups.takers)
    try:
        yield made
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 the condition is what the engine did
            await asyncio.sleep(0.005)


def shown(database, name):
    families = database.meters._registry.collect()
    return next(s.value for family in families for s in family.samples if s.name == name and s.labels == {"table": DUE})


@pytest.mark.parametrize(
    "bad",
    [
        "550 \udcd3\udcca\udccf\udce4\udcb2\udcbb\udcb4\udce6\udcd4\udcda",  # GB 2312 that came with surrogateescape
        "NUL \0 in the middle",
        "high half \ud83d",
        "the mailbox is closed \udcff",  # words that the driver's own message about a lost connection has too
    ],
    ids=["gbk", "nul", "surrogate", "closed"],
)
@pytest.mark.parametrize("place", [0, 1, 36, 63, 99])
async def test_the_one_is_recorded_in_our_words_and_its_neighbours_as_they_are(database, bad, place):
    work = Work(database)
    pieces = [Piece(n, bad if n == place else f"fine {n}") for n in range(100)]
    async with running(database, work) as made:
        made.take(pieces)
        await until(lambda: len(work.recorded) == 100)
        made.take([Piece(100, "later")])
        await until(lambda: 100 in work.recorded)

    assert work.recorded == {n: f"fine {n}" for n in range(100)} | {place: "in our words", 100: "later"}
    assert sorted(work.performed) == list(range(101))
    assert len(work.tried) < 25  # halves, not each by itself


async def test_many_bad_ones_among_many(database):
    work = Work(database)
    async with running(database, work) as made:
        made.take([Piece(n, "\0" if n % 3 == 0 else "fine") for n in range(60)])
        await until(lambda: len(work.recorded) == 60)

    assert [said for _, said in sorted(work.recorded.items())] == ["in our words", "fine", "fine"] * 20


async def test_one_of_which_nothing_can_be_recorded_leaves_the_queue_and_stays_to_be_seen(database):
    async with database.transaction(Context("acme")) as session:
        for key in ("a", "b"):
            await due.schedule(session, "other", key, database.clock.now())
    work = Work(database)
    async with running(database, work) as made:
        async with database.transaction() as session:
            claimed = await claim_due(session, [(DueKind("other", None), 2)], now=database.clock.now(), owner=OWNER)
        with made.handing_over({item.id: ("acme", "a") for item in claimed}):
            made.take([Piece(item.id, NOTHING if item.row.key == "a" else "fine") for item in claimed])
            await until(lambda: not made._ids)

    async with database.transaction() as session:
        rows = {row.key: row for row in await session.execute(text("SELECT key, status, owner, last_error FROM due"))}
    assert (rows["a"].status, rows["a"].owner) == ("failed", None)
    assert rows["a"].last_error.startswith("AssertionError")
    assert [work.recorded[item.id] for item in claimed if item.row.key == "b"] == ["fine"]
    assert shown(database, "opsloop_queue_set_aside_total") == 1


@pytest.mark.parametrize("state", ["42P01", "42501", "XX001", "26000"])
async def test_a_fault_of_the_database_divides_nothing_and_forgets_nothing(database, state):
    work, fault = Work(database), asyncpg.PostgresError("not of any row")
    fault.sqlstate = state
    work.fault = fault
    async with running(database, work) as made:
        made.take([Piece(n, "fine") for n in range(8)])
        await until(lambda: len(work.tried) > 3)
        assert set(work.tried) == {8}
        assert shown(database, "opsloop_queue_stuck") == 1
        work.fault = None
        await until(lambda: len(work.recorded) == 8)
        assert shown(database, "opsloop_queue_stuck") == 0

    assert sorted(work.performed) == list(range(8))


async def test_what_is_taken_apart_at_the_end_is_recorded_before_it(database):
    work = Work(database)
    made = Engine(database, work, owner=OWNER)
    pieces = [Piece(n, "\0" if n == 2 else "fine") for n in range(5)]
    made._results = [(piece, piece) for piece in pieces]
    made._held.update({("acme", "a"): 5})

    await made._drain()

    assert work.recorded == {0: "fine", 1: "fine", 2: "in our words", 3: "fine", 4: "fine"}


async def test_a_due_row_whose_failure_cannot_be_kept_fails_like_any_other(database, monkeypatch):
    async def fails(session, row):
        raise ValueError(f"{row.key} has something to say")

    async def nothing_about_b(session, row, *, error, **given):
        if row.key == "b" and "something to say" in error:
            raise DBAPIError("UPDATE due", {}, asyncpg.DataError("it cannot be stored"))
        return await record_failure(session, row, error=error, **given)

    record_failure = due_work.record_failure
    monkeypatch.setattr(due_work, "record_failure", nothing_about_b)
    runner = DueRunner(database, [DueKind("failing", fails, max_attempts=1)], owner=OWNER)
    async with database.transaction(Context("acme")) as session:
        for key in ("a", "b", "c"):
            await due.schedule(session, "failing", key, database.clock.now())

    async with runner.running(), asyncio.timeout(10):
        while len(ended := await the_failed(database)) < 3:  # noqa: ASYNC110 the condition is in the database
            await asyncio.sleep(0.01)

    assert ended["a"] == "ValueError: a has something to say"
    assert ended["c"] == "ValueError: c has something to say"
    assert ended["b"] == "NotRecordable: it failed, and what it said cannot be kept"


async def the_failed(database):
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT key, last_error FROM due WHERE status = 'failed'"))
        return {row.key: row.last_error for row in rows}
