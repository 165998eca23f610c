"""Work that recurs: made, repaired, spread, never given up."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from opsloop_common import direct
from opsloop_common.db import Context
from opsloop_common.due import DueKind, go_on, recurring, rules, schedule
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.rows import claim_due
from opsloop_common.failing import find_failing
from opsloop_common.known_workspaces import QUIET_FOR
from opsloop_common.runner import housekeeping
from opsloop_common.testing.due import make_due, run_due, run_recurring
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note

HOUR = timedelta(hours=1)


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


@pytest.fixture
async def driver(database):
    connection = await direct.connect(database, purpose="test")
    yield connection
    await direct.close(connection)


class Work:
    """A handler that remembers its rows, and fails while it is broken."""

    def __init__(self):
        self.seen = []
        self.broken = False
        self.more = 0

    async def __call__(self, session, row):
        if self.broken:
            raise RuntimeError("cannot")
        self.seen.append(row.workspace)
        if self.more:
            self.more -= 1
            await go_on(session, row)

    async def run(self, run):
        async with run.transaction() as session:
            await self(session, run)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def nightly(work):
    return DueKind("sample.nightly", work, every=HOUR)


@pytest.fixture
def each(work):
    return DueKind("sample.each", work, every=HOUR, per="workspace")


async def know(database, *names):
    for name in names:
        await database.known.note(name)


async def rows(database):
    query = "SELECT workspace, kind, due_at, attempts, last_error, first_failed_at FROM due ORDER BY workspace, kind"
    async with database.transaction() as session:
        return (await session.execute(text(query))).all()


async def test_one_row_for_the_service_and_one_for_each_workspace(database, nightly, each):
    await know(database, "acme", "beta", "acme")

    assert await recurring.repair(database, [nightly, each]) == 3
    assert await recurring.repair(database, [nightly, each]) == 0

    assert [(row.workspace, row.kind) for row in await rows(database)] == [
        ("", "sample.nightly"),
        ("acme", "sample.each"),
        ("beta", "sample.each"),
    ]


async def test_what_is_gone_takes_its_rows_with_it_and_leaves_others_alone(database, nightly, each, clock):
    await know(database, "acme", "beta")
    await recurring.repair(database, [nightly, each])
    async with database.transaction(Context("acme")) as session:
        await schedule(session, "sample.other", "k", clock.now())
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM known_workspace WHERE name = 'beta'"))

    await recurring.repair(database, [each])

    assert [(row.workspace, row.kind) for row in await rows(database)] == [
        ("acme", "sample.each"),
        ("acme", "sample.other"),
    ]


async def test_each_turn_is_put_to_the_next_one_at_its_own_place_in_the_period(database, each, work, clock):
    await know(database, *(f"w{number}" for number in range(20)))
    await recurring.repair(database, [each])
    first = {row.workspace: row.due_at for row in await rows(database)}

    clock.advance(HOUR)
    assert await run_due(database, [each]) == 20
    assert await run_due(database, [each]) == 0

    assert sorted(work.seen) == sorted(first)
    assert {row.workspace: row.due_at - HOUR for row in await rows(database)} == first
    minutes = {at.minute for at in first.values()}
    assert len(minutes) > 10, "they do not come at one moment"


async def test_a_worker_that_was_away_for_long_comes_once(database, nightly, work, clock):
    await recurring.repair(database, [nightly])
    clock.advance(100 * HOUR)

    assert await run_due(database, [nightly]) == 1

    [row] = await rows(database)
    assert clock.now() < row.due_at <= clock.now() + HOUR


async def test_what_has_more_to_do_goes_on_at_once(database, nightly, work):
    work.more = 3

    assert await run_recurring(database, [nightly]) == 4

    assert len(await rows(database)) == 1


async def test_it_is_done_by_when_somebody_asks_and_then_at_its_turns(database, each, work, clock):
    for _ in range(2):  # not made yet, and waiting for its turn
        async with database.transaction(Context("acme")) as session:
            await recurring.bring_forward(session, each.name, clock.now())
        await run_due(database, [each])
        [row] = await rows(database)
        assert (row.workspace, row.kind, row.due_at > clock.now()) == ("acme", each.name, True)

    assert work.seen == ["acme"] * 2


async def test_a_long_round_divides_its_work_itself_and_comes_again(database, work, clock):
    long = DueKind("sample.long", work.run, every=HOUR, per="workspace", long=True)
    await know(database, "acme")

    assert await run_recurring(database, [long]) == 1

    [row] = await rows(database)
    assert (work.seen, row.workspace) == (["acme"], "acme")
    assert clock.now() < row.due_at <= clock.now() + HOUR
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM job")) == 0


@pytest.mark.parametrize("long", [False, True])
async def test_it_is_never_given_up_and_says_since_when_it_fails(database, work, clock, long, driver):
    kind = DueKind("sample.broken", work.run if long else work, every=timedelta(minutes=5), long=long)
    metrics = DueMetrics(CollectorRegistry())
    work.broken, began = True, clock.now()
    await make_due(database, [kind])
    for _ in range(50):
        assert await run_due(database, [kind], raising=False) == 0
        [row] = await rows(database)
        assert row.due_at - clock.now() <= 1.2 * timedelta(minutes=5)
        clock.set(row.due_at)
    await metrics.refresh(database)
    [row] = await rows(database)
    assert (row.last_error, row.first_failed_at) == ("RuntimeError: cannot", began)
    assert metrics.failing.labels("sample.broken")._value.get() == 1
    assert metrics.failing_for.labels("sample.broken")._value.get() == (clock.now() - began).total_seconds()
    assert metrics.failed.labels("sample.broken")._value.get() == 0
    [failing] = await find_failing(driver)
    assert failing == ("sample.broken", "", "@every", began, "RuntimeError: cannot")

    work.broken = False
    assert await run_due(database, [kind]) == 1

    [row] = await rows(database)
    assert (row.last_error, row.first_failed_at, row.attempts) == (None, None, 0)
    await metrics.refresh(database)
    assert metrics.failing.labels("sample.broken")._value.get() == 0
    assert await find_failing(driver) == []


async def test_a_row_that_kills_its_workers_waits_as_after_a_failure(database, nightly, work, clock):
    """Else a process that it kills would meet it first thing after each start, and nothing else would be done."""
    await make_due(database, [nightly])
    for _ in range(rules.ENDLESS_ATTEMPTS + rules.DEATHS):
        async with database.transaction() as session:
            assert await claim_due(session, [(nightly, 1)], now=clock.now(), owner=uuid4())
            await session.execute(text("UPDATE due SET owner = NULL"))

    assert await run_due(database, [nightly], raising=False) == 0
    [row] = await rows(database)
    assert (work.seen, row.due_at > clock.now()) == ([], True)

    clock.set(row.due_at)
    assert await run_due(database, [nightly]) == 1


async def test_what_an_earlier_release_gave_up_is_set_going_again(database, work, clock):
    kind = DueKind("sample.endless", work, max_attempts=None)
    ending = DueKind("sample.ending", work)
    async with database.transaction(Context("acme")) as session:
        await schedule(session, kind.name, "k", clock.now())
        await schedule(session, ending.name, "k", clock.now())
    async with database.transaction() as session:
        await session.execute(text("UPDATE due SET status = 'failed', attempts = 8"))

    await recurring.repair(database, [kind, ending])

    assert await run_due(database, [kind, ending]) == 1


async def test_a_period_made_shorter_holds_at_once(database, work, clock):
    await recurring.repair(database, [DueKind("sample.nightly", work, every=1000 * HOUR)])

    await recurring.repair(database, [DueKind("sample.nightly", work, every=HOUR)])

    [row] = await rows(database)
    assert row.due_at <= clock.now() + HOUR


@pytest.mark.parametrize("wrong", [{"every": timedelta()}, {"max_attempts": 0}, {"concurrency": 0}, {"per_group": 0}])
def test_kinds_that_make_no_sense_are_refused(work, wrong):
    with pytest.raises(ValueError, match=r"sample\.wrong"):
        DueKind("sample.wrong", work, **wrong)


async def test_a_workspace_is_noted_once_a_day_and_a_note_stops_nobody(database, clock, monkeypatch):
    async def seen_at():
        async with database.transaction() as session:
            return await session.scalar(text("SELECT seen_at FROM known_workspace WHERE name = 'acme'"))

    first = clock.now()
    await know(database, "acme")
    clock.advance(HOUR)
    await know(database, "acme")
    assert await seen_at() == first
    clock.advance(24 * HOUR)
    await know(database, "acme")
    assert await seen_at() == first + 25 * HOUR

    def refuse():
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(database.known, "_engine", type("Broken", (), {"connect": lambda self: refuse()})())
        await know(database, "beta")
        await know(database, "beta")
    clock.advance(60)
    await know(database, "beta")
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM known_workspace")) == 2


async def test_who_signs_in_is_known(api):
    sample = await api(SAMPLE)
    await sample.client.get("/v1/notes", headers=await sample.key("sample:read", workspace="beta"))

    async with sample.db.transaction() as session:
        names = await session.scalars(text("SELECT name FROM known_workspace ORDER BY name"))
        assert "beta" in set(names)


async def test_a_workspace_is_forgotten_when_it_left_nothing(database, clock):
    await know(database, "empty", "full", "keyed", "due")
    async with database.transaction(Context("full")) as session:
        session.add(Note(workspace="full", text="x"))
    async with database.transaction(Context("due")) as session:
        await schedule(session, "sample.later", "k", clock.now())
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO api_key (id, workspace, name, scopes, secret_hash, created_by, created_at, source) "
                "VALUES (gen_random_uuid(), 'keyed', 'k', '{}', ''::bytea, 'x', now(), 'k')"
            )
        )

    async def forget():
        await run_recurring(database, housekeeping.kinds(SAMPLE))
        await recurring.repair(database, housekeeping.kinds(SAMPLE))
        async with database.transaction() as session:
            known = set(await session.scalars(text("SELECT name FROM known_workspace")))
        worked_for = {row.workspace for row in await rows(database) if row.kind == "house.forget_workspace"}
        assert known == worked_for
        return {"empty", "full", "keyed", "due"} - known

    assert await forget() == set()
    clock.advance(QUIET_FOR + HOUR)
    assert await forget() == {"empty"}
