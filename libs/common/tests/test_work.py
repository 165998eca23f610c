"""The unit of work: in which order it writes, what follows its commit, on whose behalf it acts, and how it enters."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import event, select, text

from opsloop_common import due, outbox
from opsloop_common.access import audit
from opsloop_common.access.tables import audit as audit_table
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, acting_for, context_of, count_after_commit, fire_after_commit
from opsloop_common.due.errors import ClaimLost
from opsloop_common.due.schedule import finish_with
from opsloop_common.due.tables import due as due_table
from opsloop_common.entry import enter, enter_every_workspace
from opsloop_common.ids import uuid7
from opsloop_common.outbox.tables import outbox as outbox_table
from opsloop_common.testing.events import make_event
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note
from opsloop_common.work import Phase

ACME = Context(workspace="acme", actor="key:1")
SOURCES = Path(__file__).parents[1] / "opsloop_common"
TABLE = re.compile(r"(?:INTO|UPDATE|FROM) \"?(note|due|audit|outbox_stream|outbox)\b")


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


@pytest.fixture
def written(database):
    """Return the tables that statements name first, in the order of the statements."""
    found = []

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def note(connection, cursor, statement, *_):
        if match := TABLE.search(statement):
            found.append(match[1])

    return found


async def all_of(database, table):
    async with database.transaction() as session:
        return (await session.execute(select(table))).all()


async def test_whatever_is_said_first_streams_are_locked_last(database, written):
    async with database.transaction(ACME) as session:
        outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="x"))
        audit.record(session, "note.created", "note/1")
        await due.schedule(session, "note", "a", database.clock.now())
        session.add(Note(workspace="acme", text="first"))

    assert written == ["note", "due", "audit", "outbox_stream", "outbox"]
    assert list(Phase) == [Phase.CLAIM, Phase.DUE, Phase.AUDIT, Phase.EVENTS, Phase.ENDS]


async def test_who_has_lost_the_claim_locks_no_stream(database, written):
    with pytest.raises(ClaimLost):
        async with database.transaction(ACME) as session:
            outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="x"))
            finish_with(session, 4711, uuid7())

    assert "outbox_stream" not in written
    assert await all_of(database, outbox_table) == []


async def test_what_was_rolled_back_follows_no_later_commit(database):
    heard, counted = database.wakeups.subscribe("note"), []

    async with database.session(ACME) as session:
        for commits in (False, True):
            await session.execute(text("SELECT 1"))
            if not commits:
                fire_after_commit(session, "note")
                count_after_commit(session, lambda: counted.append(1))
                outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="x"))
                audit.record(session, "note.created", "note/1")
                await due.schedule(session, "note", "a", database.clock.now())
                await session.rollback()
            await session.commit()

    assert not heard.is_set()
    assert counted == []
    for table in (outbox_table, audit_table, due_table):
        assert await all_of(database, table) == []


async def test_nothing_is_said_inside_a_savepoint_which_could_not_take_it_back(database):
    async with database.transaction(ACME) as session, session.begin_nested():
        with pytest.raises(RuntimeError, match="outside savepoints"):
            outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="x"))
        with pytest.raises(RuntimeError, match="outside savepoints"):
            audit.record(session, "note.created", "note/1")
        with pytest.raises(RuntimeError, match="outside savepoints"):
            await due.schedule(session, "note", "a", database.clock.now())


async def test_what_is_said_for_another_cause_inherits_that_one(database):
    cause = make_event(CampaignPaused(campaign_id=uuid4(), name="cause"), causationdepth=2)
    later = database.clock.now() + timedelta(hours=1)

    async with database.transaction(ACME) as session:
        with acting_for(session, cause):
            outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="theirs"))
            audit.record(session, "note.created", "note/1")
            await due.schedule(session, "note", "a", later)
        with pytest.raises(ZeroDivisionError), acting_for(session, cause):
            raise ZeroDivisionError
        outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="ours"))
        assert context_of(session) is ACME

    said = {e.data["name"]: e for e in [Event.from_bytes(row.payload) for row in await all_of(database, outbox_table)]}
    assert (said["theirs"].causationid, said["theirs"].causationdepth) == (str(cause.id), 3)
    assert said["theirs"].correlationid == cause.correlationid
    assert (said["ours"].causationid, said["ours"].actor) == (None, "key:1")
    (recorded,) = await all_of(database, audit_table)
    assert (recorded.correlationid, recorded.actor) == (cause.correlationid, "system")
    (scheduled,) = await all_of(database, due_table)
    assert scheduled.context["causationid"] == str(cause.id)


async def test_each_transaction_of_a_session_enters_by_itself(database):
    async with database.session(ACME) as session:
        for _ in range(2):
            session.add(Note(workspace="acme", text="ours"))
            await session.commit()
            assert len((await session.scalars(select(Note))).all()) > 0
            await session.commit()


async def test_a_session_whose_statement_enters_is_nowhere_before_it(database):
    async with database.unentered(ACME) as session:
        assert await session.scalar(text("SELECT current_setting('opsloop.workspace', true)")) in (None, "")


async def test_one_transaction_may_go_on_elsewhere(database):
    async with database.transaction(ACME) as session:
        session.add(Note(workspace="acme", text="ours"))
        await session.flush()
        await enter(session, Context(workspace="other"))

        assert (await session.scalars(select(Note))).all() == []
        assert context_of(session).workspace == "other"


async def test_a_worker_enters_also_with_the_first_statement(database):
    setting = text("SELECT current_setting('opsloop.worker', true)")
    async with database.session() as session:
        await enter_every_workspace(session)
        assert await session.scalar(setting) == "on"
        await session.commit()
        assert await session.scalar(setting) in (None, "")
        await enter_every_workspace(session)
        assert await session.scalar(setting) == "on"


async def test_a_worker_that_entered_in_a_savepoint_enters_again_after_its_rollback(database):
    async with database.transaction() as session:
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                await enter_every_workspace(session)
                raise ZeroDivisionError
        await enter_every_workspace(session)

        assert await session.scalar(text("SELECT current_setting('opsloop.worker', true)")) == "on"


def test_one_module_listens_to_commits_and_one_knows_the_settings():
    """String keys in `session.info`, listeners of their own and statements that enter by hand would be a second way."""
    hidden = re.compile(
        r"session\.info|[\"'](?:before|after)_(?:commit|rollback)[\"']|opsloop\.worker[\"']|opsloop\.workspace[\"'](?!:)"
    )
    services = SOURCES.parents[2] / "services"
    files = [
        *SOURCES.rglob("*.py"),
        *(path for path in services.rglob("*.py") if "tests" not in path.relative_to(services).parts),
    ]
    found = {path.name for path in files if hidden.search(path.read_text()) and "migrations" not in path.parts}

    assert found == {"work.py", "entry.py"}
