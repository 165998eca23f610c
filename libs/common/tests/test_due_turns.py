"""Claims in turn: each workspace gives its share, in the order of its rows, whatever the others have waiting."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.due import DueKind, rows
from opsloop_common.due.engine import Engine
from opsloop_common.due.port import Ask
from opsloop_common.due.rows import Turns
from opsloop_common.due.work import HELD_OF_A_KIND, KEPT_OF_A_KIND, PREFETCH, DueWork, Outcome
from opsloop_common.testing.sample.service import SAMPLE

OWNER = uuid4()


async def nothing(session, row):
    pass


KIND = DueKind("evaluation", nothing)
OTHER = DueKind("timer", nothing)
JOB = DueKind("import", nothing, long=True, concurrency=4)


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def put(database, workspace, count, *, kind=KIND, in_seconds=-60, priority=0):
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO due (workspace, kind, key, due_at, priority) "
                "SELECT :workspace, :kind, gen_random_uuid()::text, CAST(:now AS timestamptz) + n * interval '1 ms', :priority "
                "FROM generate_series(1, :count) AS n"
            ),
            {
                "workspace": workspace,
                "kind": kind.name,
                "now": database.clock.now() + timedelta(seconds=in_seconds),
                "priority": priority,
                "count": count,
            },
        )


async def in_turn(database, *turns):
    async with database.transaction() as session:
        return await rows.claim_due_in_turn(session, turns, now=database.clock.now(), owner=OWNER)


def by_workspace(items):
    return Counter(item.workspace for item in items)


async def test_each_workspace_gives_its_share_and_none_more(database):
    await put(database, "greedy", 50)
    await put(database, "another", 50)
    await put(database, "healthy", 1, in_seconds=-1)

    items = await in_turn(database, Turns(KIND, 100, 5, {}))

    assert by_workspace(items) == {"greedy": 5, "another": 5, "healthy": 1}


async def test_what_a_workspace_has_already_counts_against_its_share(database):
    await put(database, "greedy", 50)
    await put(database, "full", 50)

    items = await in_turn(database, Turns(KIND, 100, 5, {"greedy": 3, "full": 9}))

    assert by_workspace(items) == {"greedy": 2}


async def test_a_kind_s_room_bounds_all_of_its_workspaces_together(database):
    for n in range(10):
        await put(database, f"w{n}", 5)

    items = await in_turn(database, Turns(KIND, 12, 3, {}))

    assert len(items) == 12
    assert max(by_workspace(items).values()) == 3


async def test_kinds_take_their_own_rows_and_each_its_own_room(database):
    await put(database, "acme", 5)
    await put(database, "acme", 5, kind=OTHER)
    await put(database, "acme", 5, kind=JOB)

    items = await in_turn(database, Turns(KIND, 3, 9, {}), Turns(OTHER, 9, 2, {"acme": 1}))

    assert Counter(item.kind for item in items) == {"evaluation": 3, "timer": 1}


async def test_urgent_rows_of_a_workspace_go_first_then_the_oldest(database):
    await put(database, "acme", 3, in_seconds=-10)
    await put(database, "acme", 1, in_seconds=-90)
    await put(database, "acme", 1, in_seconds=-1, priority=9)

    first, second = await in_turn(database, Turns(KIND, 9, 2, {}))

    assert first.row.priority == 9
    assert second.row.due_at < database.clock.now() - timedelta(seconds=80)


async def test_what_is_for_later_or_claimed_or_given_up_stays(database):
    await put(database, "acme", 3, in_seconds=60)
    await put(database, "other", 4)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE due SET owner = :owner WHERE id = (SELECT min(id) FROM due WHERE workspace = 'other')"),
            {"owner": uuid4()},
        )
        await session.execute(
            text("UPDATE due SET status = 'failed' WHERE id = (SELECT max(id) FROM due WHERE workspace = 'other')")
        )

    assert by_workspace(await in_turn(database, Turns(KIND, 9, 9, {}))) == {"other": 2}
    assert await in_turn(database) == []


async def claim(database, work, held=None):
    return (await work.claim(_ask(database, held or {}))).items


def _ask(database, held):
    return Ask(now=database.clock.now(), owner=OWNER, limit=1_000, share=500, full=[], held=Counter(held))


async def test_who_comes_late_to_a_kind_that_is_behind_is_claimed_at_once(database):
    work = DueWork(database, [KIND], owner=OWNER)
    await put(database, "greedy", 500)
    first = await claim(database, work)
    held = Counter((item.workspace, item.kind) for item in first)
    await put(database, "healthy", 1, in_seconds=-1)

    second = await claim(database, work, held)

    assert by_workspace(first) == {"greedy": 16}
    assert by_workspace(second) == {"healthy": 1}


async def test_many_workspaces_share_what_is_held_of_a_kind_and_leave_some(database):
    work = DueWork(database, [KIND], owner=OWNER)
    for n in range(20):
        await put(database, f"greedy-{n}", 50)
    held = Counter()
    for _ in range(30):
        held.update((item.workspace, item.kind) for item in await claim(database, work, held))
    await put(database, "healthy", 1, in_seconds=-1)

    assert held.total() <= HELD_OF_A_KIND - KEPT_OF_A_KIND // 2
    assert by_workspace(await claim(database, work, held)) == {"healthy": 1}


async def test_a_kind_that_has_caught_up_is_claimed_oldest_first_again(database):
    work = DueWork(database, [KIND], owner=OWNER)
    await put(database, "greedy", 40)
    while await claim(database, work):
        pass
    await put(database, "acme", 1)

    assert by_workspace(await claim(database, work)) == {"acme": 1}
    assert work._behind == set()


async def test_jobs_are_claimed_as_far_as_there_are_slots_and_the_last_ones_for_others(database):
    work = DueWork(database, [JOB], owner=OWNER)
    await put(database, "greedy", 9, kind=JOB)
    engine = Engine(database, work, owner=OWNER)

    first = await claim(database, work)
    for item in first:
        work.gate(item).enter()
    held = Counter((item.workspace, item.kind) for item in first)
    second = await claim(database, work, held)
    await put(database, "healthy", 1, kind=JOB)
    third = await claim(database, work, held)

    assert by_workspace(first) == {"greedy": JOB.concurrency // 2}
    assert second == []
    assert by_workspace(third) == {"healthy": 1}
    assert engine.room("greedy", "import") > 0


async def test_rows_that_are_done_call_for_a_claim_only_where_there_may_be_more(database):
    kind = DueKind("evaluation", nothing, concurrency=1)
    work = DueWork(database, [kind], owner=OWNER)
    await put(database, "acme", PREFETCH)
    items = await claim(database, work)
    woken, asked = database.wakeups.subscribe("due"), []

    def settle(item, *, held):
        woken.clear()
        work._held = Counter({("acme", "evaluation"): held})
        assert work.settles(Outcome(item, None))
        asked.append(woken.is_set())

    settle(items[0], held=4)
    settle(items[1], held=3)
    settle(items[2], held=2)
    work._behind.clear()
    settle(items[3], held=1)

    assert asked == [False, False, True, False]
    assert not work.settles(Outcome(items[3], ValueError("again")))
