"""Which rows a claim takes and in which order, how a failure is written down, and what a dead or leaving worker leaves behind."""

from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import event, select, text

from opsloop_common import due
from opsloop_common.db import Context
from opsloop_common.due import DueKind, rows, workers
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.rows import Turns, claim_due, claim_due_in_turn
from opsloop_common.due.tables import due as due_table
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.wakeups import DUE

OWNER, OTHER = UUID(int=1), UUID(int=2)  # the same in each process: they stand in names of tests
KIND, SECOND = DueKind("kind", None), DueKind("second", None)
GROUPED = DueKind("grouped", None, per_group=2)


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def put(database, *keys, kind="kind", seconds=0, workspace="acme", **options):
    """Rows in the order of their keys, each a microsecond after the one before."""
    async with database.transaction(Context(workspace)) as session:
        for place, key in enumerate(keys):
            at = database.clock.now() + timedelta(seconds=seconds, microseconds=place - len(keys) + 1)
            await due.schedule(session, kind, key, at, **options)


async def change(database, what, **given):
    async with database.transaction() as session:
        await session.execute(text(f"UPDATE due SET {what}"), given)


async def claim(database, *room, owner=OWNER):
    async with database.transaction() as session:
        claimed = await claim_due(session, room, now=database.clock.now(), owner=owner)
    return [item.row.key for item in claimed]


async def in_turn(database, *turns):
    async with database.transaction() as session:
        claimed = await claim_due_in_turn(session, turns, now=database.clock.now(), owner=OWNER)
    return [(item.workspace, item.row.key) for item in claimed]


async def the_rows(database):
    async with database.transaction() as session:
        return (await session.execute(select(due_table).order_by(due_table.c.id))).all()


async def test_the_most_urgent_come_first_and_of_those_what_has_been_due_for_longest(database):
    await put(database, "a", "b")
    await put(database, "urgent", priority=5)
    await put(database, "late", seconds=-60)
    await put(database, "not yet", seconds=60, priority=9)

    assert await claim(database, (KIND, 3)) == ["urgent", "late", "a"]
    assert await claim(database, (KIND, 3)) == ["b"]


async def test_each_kind_has_room_of_its_own(database):
    await put(database, "a", "b", "c")
    await put(database, "d", "e", kind="second")
    await put(database, "f", kind="unknown")

    assert await claim(database, (KIND, 0), (SECOND, 1)) == ["d"]
    assert sorted(await claim(database, (KIND, 2), (SECOND, 2))) == ["a", "b", "e"]


@pytest.mark.parametrize("what", ["status = 'failed'", f"owner = '{OTHER}'", "due_at = due_at + interval '1 s'"])
@pytest.mark.parametrize("kind", [KIND, GROUPED], ids=["plain", "grouped"])
async def test_what_is_given_up_taken_or_not_due_is_not_claimed(database, what, kind):
    await put(database, "a", kind=kind.name, group="g")
    await change(database, what)

    assert await claim(database, (kind, 10)) == []
    assert await in_turn(database, Turns(kind, 10, 10, {})) == []


async def test_a_claim_counts_a_try_and_says_what_the_row_is(database):
    cause = Context("acme", actor="key:1", correlationid="c", causationdepth=3)
    async with database.transaction(cause) as session:
        await due.schedule(session, "kind", "a", database.clock.now(), payload={"n": 1}, priority=2, group="g")

    async with database.transaction() as session:
        (item,) = await claim_due(session, [(KIND, 1)], now=database.clock.now(), owner=OWNER)

    assert (item.row.payload, item.row.priority, item.row.attempts) == ({"n": 1}, 2, 1)
    assert (item.kind, item.workspace, item.group, item.row.group) == ("kind", "acme", "kind", "g")
    context = item.context()
    assert (context.workspace, context.correlationid, context.causationdepth) == ("acme", "c", 3)
    (row,) = await the_rows(database)
    assert (row.id, row.owner, row.claimed_at, row.attempts) == (item.id, OWNER, database.clock.now(), 1)


@pytest.mark.parametrize(
    ("held", "room", "expected"),
    [
        ([], 10, ["g1", "g2", "h1", "none"]),
        (["g4"], 10, ["g1", "h1", "none"]),  # what another process has counts against the group
        (["g3", "g4"], 10, ["h1", "none"]),
        (["none", "h1"], 10, ["g1", "g2"]),
        ([], 3, ["g1", "h1", "none"]),  # the first of each group before the second of any
        ([], 0, []),
    ],
)
async def test_groups_have_their_limit_over_all_processes(database, held, room, expected):
    await put(database, "g1", "g2", "g3", "g4", kind="grouped", group="g", seconds=-1)
    await put(database, "h1", kind="grouped", group="h")
    await put(database, "none", kind="grouped")
    await change(database, "owner = :owner WHERE key = ANY(:held)", owner=OTHER, held=held)

    assert sorted(await claim(database, (GROUPED, room))) == expected


async def test_workspaces_take_turns_and_what_they_have_counts(database):
    for workspace in ("greedy", "third"):
        await put(database, *"abcdef", workspace=workspace, seconds=-60)
    await put(database, "new", workspace="light")

    claimed = await in_turn(database, Turns(KIND, most=10, share=3, taken={"third": 2}))

    assert sorted(claimed) == [("greedy", "a"), ("greedy", "b"), ("greedy", "c"), ("light", "new"), ("third", "a")]
    assert await in_turn(database, Turns(KIND, most=10, share=1, taken={"greedy": 3, "third": 3})) == []


async def test_taking_turns_of_many_kinds_is_one_statement_and_none_of_none(database):
    await put(database, *"abc")
    await put(database, *"def", kind="second")
    statements = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    assert await in_turn(database) == []
    assert statements == []
    turns = [Turns(KIND, most=1, share=5, taken={}), Turns(SECOND, most=5, share=2, taken={"other": 4})]
    assert sorted(key for _, key in await in_turn(database, *turns)) == ["a", "d", "e"]
    assert len(statements) == 1


async def test_a_line_gives_its_most_urgent_rows(database):
    await put(database, *"abc", seconds=-5)
    await put(database, "urgent", priority=1)

    assert await in_turn(database, Turns(KIND, most=2, share=2, taken={})) == [("acme", "urgent"), ("acme", "a")]


async def test_the_next_time_is_of_what_waits_among_these_kinds(database):
    start = database.clock.now()

    async def next_at(*kinds):
        async with database.transaction() as session:
            found = await rows.next_due_at(session, kinds, after=database.clock.now())
            return None if found is None else (found - start).total_seconds()

    assert await next_at(KIND) is None
    await put(database, "overdue", seconds=-5)
    await put(database, "soon", seconds=20, priority=1)
    await put(database, "sooner", seconds=10)
    await put(database, "other", seconds=5, kind="second")

    assert (await next_at(KIND), await next_at(SECOND), await next_at(KIND, SECOND)) == (10, 5, 5)
    await change(database, "owner = :owner WHERE key = 'sooner'", owner=OTHER)
    assert await next_at(KIND) == 20
    await change(database, "status = 'failed' WHERE key = 'soon'")
    assert await next_at(KIND) is None


@pytest.mark.parametrize(
    ("retry", "again", "owner", "status", "due_at", "attempts", "again_at"),
    [
        (5, None, OWNER, "waiting", 5, 4, None),
        (5, 90, OWNER, "waiting", 5, 4, 90),
        (None, None, OWNER, "failed", 0, 4, None),
        (None, 90, OWNER, "waiting", 90, 0, None),
        (5, None, OTHER, None, 0, 1, None),
        (None, None, OTHER, None, 0, 1, None),
    ],
)
async def test_a_failure_is_written_down_by_whoever_has_the_claim(
    database, retry, again, owner, status, due_at, attempts, again_at
):
    start = database.clock.now()

    def later(seconds):
        return None if seconds is None else start + timedelta(seconds=seconds)

    await put(database, "a")
    async with database.transaction() as session:
        (item,) = await claim_due(session, [(KIND, 1)], now=start, owner=OWNER)
    await change(database, "again_at = :again", again=later(again))

    async with database.transaction() as session:
        given = {"error": "no", "attempts": 4, "retry_at": later(retry), "failed_at": start}
        assert await rows.record_failure(session, item.row, owner=owner, **given) == status

    (row,) = await the_rows(database)
    assert (row.due_at, row.attempts, row.again_at) == (later(due_at), attempts, later(again_at))
    assert row.owner == (OWNER if status is None else None)
    assert row.last_error == (None if status is None else "no")


@pytest.mark.parametrize("passing", [True, False])
async def test_since_when_a_row_fails_is_since_its_first_failure(database, passing):
    start = database.clock.now()
    await put(database, "a")
    for failed_at in (start, None if passing else start + timedelta(seconds=1)):
        async with database.transaction() as session:
            (item,) = await claim_due(session, [(KIND, 1)], now=start, owner=OWNER)
            given = {"error": "no", "attempts": 1, "retry_at": start, "failed_at": failed_at}
            await rows.record_failure(session, item.row, owner=OWNER, **given)

    (row,) = await the_rows(database)
    assert row.first_failed_at == start


async def test_whoever_leaves_gives_back_its_own_and_the_try_does_not_count(database):
    await put(database, *"abc")
    for owner, room in ((OWNER, 2), (OTHER, 1)):
        await workers.beat(database, owner, instance="x")
        await claim(database, (KIND, room), owner=owner)
    await change(database, "attempts = 5 WHERE key = 'b'")

    await workers.leave(database, OWNER)

    assert [(row.key, row.owner, row.attempts) for row in await the_rows(database)] == [
        ("a", None, 0),
        ("b", None, 4),
        ("c", OTHER, 1),
    ]
    async with database.transaction() as session:
        assert list(await session.scalars(text("SELECT id FROM worker"))) == [OTHER]


async def test_what_a_dead_worker_held_is_free_its_try_counted_and_others_are_woken(database):
    for key, owner in (("dead", OWNER), ("living", OTHER)):
        await workers.beat(database, owner, instance=key)
        await put(database, key)
        await claim(database, (KIND, 1), owner=owner)
    heard = database.wakeups.subscribe(DUE)

    assert await workers.beat(database, OTHER, instance="living") == 0
    assert not heard.is_set()
    async with database.transaction() as session:
        late = text("UPDATE worker SET heartbeat_at = clock_timestamp() - interval '11 s' WHERE id = :id")
        await session.execute(late, {"id": OWNER})
    assert await workers.beat(database, OTHER, instance="living") == 1

    assert heard.is_set()
    assert [(row.key, row.owner, row.attempts) for row in await the_rows(database)] == [
        ("dead", None, 1),
        ("living", OTHER, 1),
    ]


@pytest.mark.parametrize(("minutes", "known"), [(59, True), (61, False)])
async def test_who_was_dead_for_an_hour_is_forgotten(database, minutes, known):
    await workers.beat(database, OWNER, instance="dead")
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE worker SET heartbeat_at = clock_timestamp() - make_interval(mins => :m)"), {"m": minutes}
        )

    await workers.beat(database, OTHER, instance="living")

    async with database.transaction() as session:
        found = set(await session.scalars(text("SELECT id FROM worker")))
    assert found == ({OWNER, OTHER} if known else {OTHER})


async def test_an_end_without_a_database_is_an_end(database, monkeypatch):
    async def cut_off(*given, **options):
        raise OSError("connection refused")

    async with workers.alive(database, OWNER, instance="x"):
        await put(database, "a")
        await claim(database, (KIND, 1))
        monkeypatch.setattr(workers, "leave", cut_off)

    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM worker")) == 1
    assert await workers.beat(database, OTHER, instance="next", alone=True) == 1


async def test_a_heart_that_stumbles_beats_again(database, monkeypatch):
    beats = []
    beat = workers.beat

    async def stumbling(*given, **options):
        beats.append(await beat(*given, **options))
        if len(beats) == 2:
            raise OSError("connection reset")
        if len(beats) == 3:
            heard.set()

    heard = database.wakeups.subscribe("third")
    monkeypatch.setattr(workers, "beat", stumbling)
    monkeypatch.setattr(workers, "PAUSES", workers.Pauses(first=0.001))

    async with workers.alive(database, OWNER, instance="x"):
        await heard.wait()


async def test_the_figures_are_of_rows_as_they_are_now(database):
    metrics = DueMetrics(CollectorRegistry())
    await put(database, "a", seconds=-30)
    await put(database, "b", seconds=-10)
    await put(database, "c", seconds=60)
    await put(database, "failing", kind="second", seconds=60)
    await change(
        database, "first_failed_at = :at WHERE key = 'failing'", at=database.clock.now() - timedelta(minutes=2)
    )
    await put(database, "given up", kind="third", seconds=-90)
    await change(database, "status = 'failed' WHERE kind = 'third'")

    def figures(kind):
        gauges = (metrics.overdue, metrics.oldest, metrics.failed, metrics.failing, metrics.failing_for)
        return [round(gauge.labels(kind)._value.get()) for gauge in gauges]

    await metrics.refresh(database)
    assert [figures(kind) for kind in ("kind", "second", "third")] == [
        [2, 30, 0, 0, 0],
        [0, 0, 0, 1, 120],
        [0, 0, 1, 0, 0],
    ]

    async with database.transaction() as session:
        await session.execute(text("DELETE FROM due"))
    await metrics.refresh(database)
    assert [figures(kind) for kind in ("kind", "second", "third")] == [[0] * 5] * 3
