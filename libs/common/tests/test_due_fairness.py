"""A slow kind starves no other, a greedy workspace no other: what waits for nothing of its own is done at once."""

import asyncio
import time
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import due
from opsloop_common.db import Context
from opsloop_common.due import DueKind
from opsloop_common.due.runner import DueRunner
from opsloop_common.testing.sample.service import SAMPLE

pytestmark = pytest.mark.measured

ROWS = 10_000
SLOW_SECONDS = 1.5
GREEDY = [f"greedy-{n}" for n in range(10)]

_MANY = text(
    "INSERT INTO due (workspace, kind, key, due_at) SELECT w, :kind, CAST(n AS text), CAST(:now AS timestamptz) - interval '1 h' "
    "FROM unnest(CAST(:workspaces AS text[])) AS w, generate_series(1, :each) AS n"
)


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def sleeping(session, row):
    await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": SLOW_SECONDS})


async def fill(database, kind, *workspaces, each):
    async with database.transaction() as session:
        given = {"kind": kind, "workspaces": list(workspaces), "each": each, "now": database.clock.now()}
        await session.execute(_MANY, given)
        await session.execute(text("ANALYZE due"))


class Watched:
    """A quick kind, and how long its rows waited."""

    def __init__(self, database, name):
        self.database, self.name, self.done = database, name, {}
        self.kind = DueKind(name, self.handle)

    async def handle(self, session, row):
        self.done[row.key].set()

    async def waited(self, workspace="healthy"):
        key = uuid4().hex
        self.done[key] = asyncio.Event()
        began = time.perf_counter()
        async with self.database.transaction(Context(workspace)) as session:
            await due.schedule(session, self.name, key, self.database.clock.now())
        async with asyncio.timeout(30):
            await self.done[key].wait()
        return time.perf_counter() - began


@pytest.mark.parametrize(
    "workspaces", [["greedy"], GREEDY, [f"w{n}" for n in range(1_000)]], ids=["one", "ten", "thousand"]
)
async def test_a_slow_kind_with_10_000_due_rows_delays_a_timer_by_less_than_a_second(database, workspaces):
    await fill(database, "slow", *workspaces, each=ROWS // len(workspaces))
    timer = Watched(database, "timer")

    async with DueRunner(database, [DueKind("slow", sleeping), timer.kind], owner=uuid4()).running():
        await asyncio.sleep(0.3)  # all that it can have is taken
        waits = [await timer.waited(workspace) for workspace in [workspaces[0], "healthy"] * 5]

    assert max(waits) < 1
    assert sorted(waits)[5] < 0.25


async def test_ten_greedy_workspaces_delay_another_s_row_of_the_same_kind_by_less_than_a_second(database):
    await fill(database, "evaluation", *GREEDY, each=ROWS // 10)
    quick = Watched(database, "evaluation")

    async def handle(session, row):
        await (quick.handle if row.workspace == "healthy" else sleeping)(session, row)

    async with DueRunner(database, [DueKind("evaluation", handle)], owner=uuid4()).running():
        await quick_after(quick, 3)  # until it is known who is slow
        waits = [await quick.waited() for _ in range(10)]

    assert max(waits) < 1
    assert sorted(waits)[5] < 0.25


async def quick_after(watched, times):
    for _ in range(times):
        await watched.waited()


async def test_a_greedy_workspace_leaves_a_job_s_slot_to_another(database):
    started = []

    async def work(run):
        started.append(run.workspace)
        await asyncio.Event().wait()

    async def begin(workspace):
        async with database.transaction(Context(workspace)) as session:
            await due.start_job(session, "import", {})

    async def begun(count):
        async with asyncio.timeout(10):
            while len(started) < count:  # noqa: ASYNC110 the condition is what began
                await asyncio.sleep(0.01)

    for _ in range(6):
        await begin("greedy")
    kind = DueKind("import", work, long=True, concurrency=3)

    async with DueRunner(database, [kind], owner=uuid4()).running():
        await begun(2)
        await begin("healthy")
        await begun(3)

    assert sorted(started) == ["greedy", "greedy", "healthy"]
