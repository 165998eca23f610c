"""What the suite's own look at its SQL sees (`touches`), and what it says of it (`walls`)."""

from __future__ import annotations

from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SAWarning

from opsloop_common.lanes import Statement
from opsloop_feedback.app import SERVICE
from opsloop_feedback.tables import Base
from tests.architecture import walls
from tests.architecture.touches import CALLS, HIDES, READS, TOUCHES, WRITES, Touch, parts, touched
from tests.architecture.walls import BY_DESIGN, crossings, owners, room_of, table_of

ROOM = "opsloop_feedback.intake"


@pytest.mark.parametrize(
    ("statement", "writes", "reads"),
    [
        ("SELECT k.id FROM kpi AS k, monitor LEFT JOIN incident ON true FOR UPDATE OF k", "", "incident k kpi monitor"),
        ("SELECT 1 FROM a WHERE id = ANY($1::UUID[]) AND EXISTS (SELECT FROM b)", "", "a b"),
        ("INSERT INTO a (id) SELECT b.id FROM b ON CONFLICT (id) DO UPDATE SET n = excluded.n RETURNING id", "a", "b"),
        ("UPDATE a AS q SET n = r.n FROM unnest($1::int[]) AS r(n) WHERE q.id = n", "a", ""),
        ("DELETE FROM a USING b WHERE a.id = b.id", "a", "b"),
        (
            "WITH RECURSIVE b AS (SELECT 1 UNION ALL SELECT 1 FROM b), c AS (DELETE FROM a RETURNING id) SELECT * FROM b, c",
            "a",
            "",
        ),
        (
            "WITH p AS MATERIALIZED (SELECT id FROM a ORDER BY n FOR UPDATE SKIP LOCKED) UPDATE a SET n = 1 FROM p",
            "a",
            "a",
        ),
        ("WITH a AS (DELETE FROM a USING b WHERE a.id = b.id RETURNING a.id) SELECT * FROM a", "a", "b"),
        ("SELECT set_config('x', $1, true), pg_advisory_xact_lock(1)", "", ""),
        ("COMMIT", "", ""),
    ],
)
def test_a_statement_tells_what_it_touches(statement: str, writes: str, reads: str):
    expected = {(WRITES, table) for table in writes.split()} | {(READS, table) for table in reads.split()}

    assert touched(statement) == expected


def test_a_part_of_a_with_that_is_called_like_a_table_is_told():
    statement = "WITH feedback AS (DELETE FROM feedback RETURNING id), gone AS (SELECT 1) SELECT * FROM feedback"
    found = {Touch("opsloop_feedback.items.service", CALLS, part) for part in parts(statement)}

    assert {touch.table for touch in found} == {"feedback", "gone"}
    assert parts("SELECT FROM FROM (") == set()
    assert crossings(found) == [
        "opsloop_feedback.items.service calls a part of a WITH feedback, which hides the table of this name: call it something else"
    ]
    assert table_of(found) == table_of(set())


async def test_parts_of_a_with_are_noted(make_database, seen):
    database = await make_database(SERVICE)
    query = called_in(f"{ROOM}.queries", ASKING)

    async with database.transaction() as session:
        await query(session.execute, text("WITH feedback AS (SELECT 1) SELECT * FROM feedback"))

    assert seen() == {Touch(f"{ROOM}.queries", CALLS, "feedback")}


def test_a_statement_that_cannot_be_read_is_told():
    assert touched("SELECT FROM FROM (") == {(HIDES, "SELECT FROM FROM (")}
    assert crossings({Touch(f"{ROOM}.queries", HIDES, "SELECT FROM FROM (")}) == [
        f"{ROOM}.queries executes what cannot be read: SELECT FROM FROM ("
    ]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is executed from here on, apart from the rest of the run."""
    monkeypatch.setattr(TOUCHES, "_statements", defaultdict(set))
    monkeypatch.setattr(TOUCHES, "_changed", set())
    return TOUCHES.found


def called_in(module: str, source: str) -> Any:
    """Return the function `work` of a source, as if it stood in that module."""
    space: dict[str, Any] = {"__name__": module}
    exec(source, space)  # noqa: S102 our own lines above
    return space["work"]


ASKING = "async def work(ask, *given): return await ask(*given)"


async def test_a_statement_counts_for_the_innermost_module_of_a_service(make_database, seen):
    database = await make_database(SERVICE)
    door, query = called_in(f"{ROOM}.routes", ASKING), called_in(f"{ROOM}.queries", ASKING)

    async with database.transaction() as session:
        await session.execute(text("SELECT 1 FROM feedback"))
        await door(query, session.execute, text("SELECT 1 FROM feedback_message"))
        await door(session.execute, text("UPDATE feedback SET title = NULL"))
    await door(database.lanes.fetch, Statement("SELECT 1 FROM feedback"), {})

    assert seen() == {
        Touch(f"{ROOM}.queries", READS, "feedback_message"),
        Touch(f"{ROOM}.routes", WRITES, "feedback"),
        Touch(f"{ROOM}.routes", READS, "feedback"),
    }


async def test_a_change_counts_where_it_is_made_and_not_where_it_is_flushed(make_database, seen):
    database = await make_database(SERVICE)
    change = called_in(
        f"{ROOM}.service",
        "from opsloop_feedback.conversations.models import FeedbackMessage\n"
        "def work(session): session.add(FeedbackMessage(kind='note', body='b', actor='a', workspace='acme'))",
    )
    ask = called_in(f"{ROOM}.queries", ASKING)

    async with database.session() as session:
        change(session)
        with pytest.raises(SAWarning, match="no explicit value"):  # it has no id, but was flushed here
            await ask(session.execute, text("SELECT 1"))

    assert seen() == {Touch(f"{ROOM}.service", WRITES, "feedback_message")}


async def test_a_row_that_is_thrown_away_counts_where_it_is(make_database, seen):
    database = await make_database(SERVICE)
    throw = called_in(
        f"{ROOM}.service",
        "from opsloop_feedback.conversations.models import FeedbackMessage\n"
        "async def work(session, row): await session.delete(row)",
    )
    row = called_in("tests.rows", "from opsloop_feedback.conversations.models import FeedbackMessage as work")()

    async with database.session() as session:
        with pytest.raises(Exception, match="not persisted"):
            await throw(session, row)

    assert seen() == {Touch(f"{ROOM}.service", WRITES, "feedback_message")}


def test_a_table_belongs_to_the_slice_that_declares_it():
    declared = {mapper.local_table.name: room_of(mapper.class_.__module__)[1] for mapper in Base.registry.mappers}

    assert owners("feedback") == declared
    assert declared.items() >= {("feedback", "items"), ("feedback_message", "conversations")}


def test_what_goes_across_is_said_whether_it_writes_or_reads():
    mine, theirs = (
        Touch("opsloop_feedback.items.service", WRITES, "feedback"),
        Touch(f"{ROOM}.queries", READS, "feedback_message"),
    )
    writing = Touch("opsloop_feedback.queues", WRITES, "feedback")
    others = {Touch(f"{ROOM}.quick", WRITES, "outbox"), Touch("opsloop_feedback.migrations.env", WRITES, "feedback")}

    assert crossings({mine, *others}) == []
    assert crossings({mine, theirs, writing}) == [
        f"{ROOM}.queries reads feedback_message, which belongs to conversations",
        "opsloop_feedback.queues writes feedback, which belongs to items",
    ]


def test_what_is_by_design_is_let_through_and_marked(monkeypatch: pytest.MonkeyPatch):
    theirs = Touch(f"{ROOM}.queries", READS, "feedback_message")
    monkeypatch.setitem(BY_DESIGN, theirs, "a reason")

    assert crossings({theirs}) == []
    assert table_of({theirs})[1].split() == ["feedback.intake", "-", "feedback_message*"]


def test_what_is_by_design_names_what_is_there():
    for touch in BY_DESIGN:
        service, room = room_of(touch.module)
        assert owners(service)[touch.table] != room
        assert find_spec(touch.module) is not None


@pytest.mark.parametrize(("room", "ends"), [("items", pytest.ExitCode.OK), ("triage", pytest.ExitCode.TESTS_FAILED)])
def test_a_run_ends_by_what_all_its_processes_did(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, room: str, ends: int
):
    monkeypatch.setattr(walls, "shared_folder", lambda: tmp_path)
    monkeypatch.setattr(TOUCHES, "found", lambda: set())
    tmp_path.joinpath("touches-1.json").write_text(f'[["opsloop_feedback.{room}.queries", "{READS}", "feedback"]]')
    session: Any = SimpleNamespace(config=SimpleNamespace(stash=pytest.Stash()), exitstatus=pytest.ExitCode.OK)

    walls.pytest_sessionfinish(session)

    assert session.exitstatus == ends
    assert len(session.config.stash[walls.FOUND]) == 1
