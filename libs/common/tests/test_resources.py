"""How a resource is found, locked, changed and audited."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import select, text

from opsloop_common import redaction, resources
from opsloop_common.access.tables import audit
from opsloop_common.db import Context
from opsloop_common.errors import Conflict, NotFound, StaleVersion
from opsloop_common.testing.sample.reminders.models import Reminder
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.versions import ANY_VERSION, Precondition, etag

ACME = Context("acme", actor="key:writer")
BLOCKED = text(
    "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
    "WHERE NOT l.granted AND a.datname = current_database()"
)


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


@pytest.fixture
async def reminder_id(database):
    async with database.transaction(ACME) as session:
        remind_at = database.clock.now() + timedelta(hours=1)
        return resources.create(session, Reminder, text="call them", status="waiting", remind_at=remind_at).id


async def lock(session, reminder_id, expected=ANY_VERSION):
    return await resources.lock_for_change(session, Reminder, Reminder.id == reminder_id, expected=expected)


async def entries(database):
    async with database.transaction() as session:
        return (await session.execute(select(audit).order_by(audit.c.id))).all()


@pytest.mark.parametrize(
    ("header", "passes"),
    [(None, True), ("*", True), ('"3"', True), ('"1", "3"', True), ("", False), ('"2"', False), ('W/"3"', False)]
    + [(garbled, False) for garbled in ("3", '"3', "'3'", '"3";', ",", '"03"')],
)
def test_a_precondition_names_versions(header, passes):
    if passes:
        Precondition(header).require(3)
    else:
        with pytest.raises(StaleVersion):
            Precondition(header).require(3)


async def test_a_change_gives_the_next_version_and_tells_what_differs(database, reminder_id):
    database.clock.advance(60)
    async with database.transaction(ACME) as session:
        reminder = await lock(session, reminder_id)
        with resources.changing(session, reminder, {"text": "write", "status": "done"}, note={"reason": "x"}) as before:
            assert before == {"text": "call them", "status": "waiting"}
            assert (reminder.text, reminder.version) == ("write", 1)

    async with database.transaction(ACME) as session:
        reminder = await resources.get(session, Reminder, Reminder.id == reminder_id)
    assert (reminder.version, reminder.updated_at) == (2, database.clock.now())
    created, updated = await entries(database)
    assert (created.action, created.subject, created.before) == ("reminder.created", f"reminder/{reminder_id}", None)
    assert (created.after["text"], created.after["status"]) == ("(text)", "waiting")
    assert (updated.action, updated.actor) == ("reminder.updated", "key:writer")
    assert updated.before == {"text": "(text)", "status": "waiting"}
    assert updated.after == {"text": "(text)", "status": "done", "reason": "x"}


async def test_what_follows_from_a_change_is_part_of_it(database, reminder_id):
    async with database.transaction(ACME) as session:
        reminder = await lock(session, reminder_id)
        with resources.changing(session, reminder, action="finished") as before:
            assert before == {}
            reminder.status = "done"
            await session.flush()  # as a query in between would

    [_, finished] = await entries(database)
    assert (finished.action, finished.before, finished.after) == (
        "reminder.finished",
        {"status": "waiting"},
        {"status": "done"},
    )


async def test_what_changes_nothing_writes_nothing(database, reminder_id):
    async with database.transaction(ACME) as session:
        reminder = await lock(session, reminder_id)
        with resources.changing(session, reminder, {"text": "call them"}, note={"reason": "x"}) as before:
            assert before == {}
        assert not session.dirty
        assert reminder.version == 1

    assert len(await entries(database)) == 1


async def test_a_refused_change_leaves_nothing(database, reminder_id):
    with pytest.raises(Conflict):
        async with database.transaction(ACME) as session:
            with resources.changing(session, await lock(session, reminder_id), {"text": "other"}):
                raise Conflict("no")

    async with database.transaction(ACME) as session:
        assert (await lock(session, reminder_id)).version == 1
    assert len(await entries(database)) == 1


async def test_the_lock_reads_the_row_as_it_is_then(database, reminder_id):
    async with database.transaction(ACME) as session:
        seen = await resources.get(session, Reminder, Reminder.id == reminder_id)
        async with database.transaction(ACME) as other:
            resources.change(other, await lock(other, reminder_id), {"text": "other"})

        locked = await lock(session, reminder_id, Precondition('"2"'))

        assert (locked is seen, locked.text, locked.version) == (True, "other", 2)
        with pytest.raises(StaleVersion):
            await lock(session, reminder_id, Precondition('"1"'))


async def test_what_is_not_in_the_workspace_is_not_there(database, reminder_id):
    for context, id in ((ACME, uuid4()), (Context("other"), reminder_id)):
        async with database.transaction(context) as session:
            # 404 before 412
            with pytest.raises(NotFound, match=r"^There is no reminder with this id\.$"):
                await lock(session, id, Precondition('"9"'))
            assert await resources.find(session, Reminder, Reminder.id == id) is None


async def test_who_consents_meets_no_change_that_was_under_way(database, reminder_id):
    async def consent(expected=ANY_VERSION):
        async with database.transaction(ACME) as session:
            where = Reminder.id == reminder_id
            return (await resources.lock_as_asked(session, Reminder, where, expected=expected)).version

    async def meanwhile(expected=ANY_VERSION):
        async with database.transaction(ACME) as session:
            resources.change(session, await lock(session, reminder_id), {"text": f"other {uuid4()}"})
            await session.flush()
            consenting = asyncio.create_task(consent(expected))
            async with asyncio.timeout(30), database.autocommit() as watcher:
                while not await watcher.scalar(BLOCKED):  # noqa: ASYNC110 the condition is in the database
                    await asyncio.sleep(0.01)
        return consenting

    assert await consent() == 1
    with pytest.raises(Conflict, match="has just been changed"):
        await (await meanwhile())
    with pytest.raises(StaleVersion):
        await (await meanwhile(Precondition(etag(2))))
    assert await consent() == 3


def test_what_is_withheld_can_be_told_from_another_and_is_never_written():
    same, other = redaction.text(["a", {"b": 1}]), redaction.text(["a"])

    assert same == redaction.text(["a", {"b": 1}]) != other
    assert redaction.text(None) is None
    assert redaction.secret("whsec") != "whsec"
    assert orjson.loads(orjson.dumps({"x": same, "y": redaction.secret("s")}, default=str)) == {
        "x": "(text)",
        "y": "(secret)",
    }
