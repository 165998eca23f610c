"""In-app inboxes beside one another: who holds streams, whose positions, bounds of a request, and what is the same twice."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.errors import NotFound
from opsloop_common.versions import Precondition
from opsloop_notifications.in_app import service as in_app
from opsloop_notifications.in_app.rules import Mark
from opsloop_notifications.in_app.service import Entry

ACME = Context(workspace="acme")


def entry(user="u1", title="t", **fields):
    return Entry(uuid4(), user, "en", title, "b", **({"url": None} | fields))


async def put(service, *entries, workspace="acme"):
    async with service.db.transaction(Context(workspace=workspace)) as session:
        await in_app.put_entries(session, entries)


async def rows(service, workspace="acme"):
    async with service.db.transaction(Context(workspace=workspace)) as session:
        statement = text("SELECT user_id, title, position FROM in_app_entry ORDER BY user_id, position")
        return [tuple(row) for row in await session.execute(statement)]


async def test_each_person_has_positions_of_their_own(service):
    await put(service, entry("u2", "a"), entry("u1", "b"))
    await put(service, entry("u1", "c"))
    await put(service, entry("u1", "d"), workspace="other")
    await put(service)

    assert await rows(service) == [("u1", "b", 1), ("u1", "c", 2), ("u2", "a", 1)]
    assert await rows(service, "other") == [("u1", "d", 1)]


async def test_who_writes_at_the_same_time_waits_and_nobody_deadlocks(service):
    people = [f"u{n}" for n in range(20)]

    await asyncio.gather(*(put(service, *(entry(user) for user in order)) for order in (people, people[::-1]) * 4))

    found = await rows(service)
    assert len(found) == 160
    assert [position for user, _, position in found if user == "u7"] == list(range(1, 9))


async def test_as_many_as_may_be_at_once_and_the_rest_again(service, monkeypatch):
    monkeypatch.setattr(limits, "INBOX_MARKED", 3)
    for number in range(5):
        await put(service, entry(title=f"n{number}"))

    async with service.db.transaction(ACME) as session:
        first, undo_id = await in_app.mark_entries(session, "u1", Mark.READ, None)
    async with service.db.transaction(ACME) as session:
        second, _ = await in_app.mark_entries(session, "u1", Mark.READ, None)
        third, nothing = await in_app.mark_entries(session, "u1", Mark.READ, None)
        undone = await in_app.undo_mark(session, "u1", undo_id)

    assert (first, second, third, nothing, undone) == (3, 2, 0, None, 3)


@pytest.mark.parametrize("mark", list(Mark))
async def test_every_mark_comes_back_by_its_undo(service, mark):
    for number in range(4):
        await put(service, entry(title=f"n{number}"))
    async with service.db.transaction(ACME) as session:
        before_mark = {Mark.UNREAD: Mark.READ, Mark.UNARCHIVED: Mark.ARCHIVED}.get(mark)
        if before_mark is not None:
            await in_app.mark_entries(session, "u1", before_mark, None)
    states = text("SELECT title, seen_at, read_at, archived_at FROM in_app_entry ORDER BY title")

    async with service.db.transaction(ACME) as session:
        before = (await session.execute(states)).all()
        changed, undo_id = await in_app.mark_entries(session, "u1", mark, None)
    service.clock.advance(60)
    async with service.db.transaction(ACME) as session:
        assert (await session.execute(states)).all() != before
        assert await in_app.undo_mark(session, "u1", undo_id) == changed == 4
    async with service.db.transaction(ACME) as session:
        assert (await session.execute(states)).all() == before


async def test_an_undo_is_of_one_person_and_one_change(service):
    await put(service, entry("u1"), entry("u2"))
    async with service.db.transaction(ACME) as session:
        _, first = await in_app.mark_entries(session, "u1", Mark.SEEN, None)
        _, second = await in_app.mark_entries(session, "u1", Mark.READ, None)

    async with service.db.transaction(ACME) as session:
        assert await in_app.undo_mark(session, "u2", second) == 0
        assert await in_app.undo_mark(session, "u1", first) == 0, "it was changed since"
        assert await in_app.undo_mark(session, "u1", second) == 1
        assert await in_app.undo_mark(session, "nobody", second) == 0


async def test_what_slept_when_it_was_archived_sleeps_again_unless_its_time_has_come(service):
    await put(service, entry())
    sleeps = text("SELECT id, snoozed_until FROM in_app_entry")
    async with service.db.transaction(ACME) as session:
        (row,) = (await session.execute(sleeps)).all()
        until = service.clock.now() + timedelta(hours=1)
        await in_app.change_entry(session, "u1", row.id, {"snoozed_until": until}, expected=Precondition(None))
        _, undo_id = await in_app.mark_entries(session, "u1", Mark.ARCHIVED, [row.id])
        assert (await session.execute(sleeps)).one().snoozed_until is None
        await in_app.undo_mark(session, "u1", undo_id)
        assert (await session.execute(sleeps)).one().snoozed_until == until
        _, undo_id = await in_app.mark_entries(session, "u1", Mark.ARCHIVED, [row.id])
    service.clock.advance(7200)
    async with service.db.transaction(ACME) as session:
        await in_app.undo_mark(session, "u1", undo_id)
        assert (await session.execute(sleeps)).one().snoozed_until is None


async def test_whose_inbox_is_known(service):
    await put(service, entry("u1"))
    headers = await service.key()
    await service.client.put("/v1/recipients/u2", json={"locale": "en"}, headers=headers)

    async with service.db.transaction(ACME) as session:
        for user, as_user in (("u1", None), ("u2", None), ("u3", "u3")):
            await in_app.require_known(session, user, as_user=as_user)
        for user, as_user in (("u3", None), ("u1", "u2"), ("u1", "U1")):
            with pytest.raises(NotFound):
                await in_app.require_known(session, user, as_user=as_user)


async def test_what_is_unsnoozed_twice_or_gone_is_left_alone(service):
    await put(service, entry())
    async with service.db.transaction(ACME) as session:
        await in_app.unsnooze_entry(session, uuid4())
        (id,) = await session.scalars(text("SELECT id FROM in_app_entry"))
        await in_app.unsnooze_entry(session, id)

    assert await rows(service) == [("u1", "t", 1)]
