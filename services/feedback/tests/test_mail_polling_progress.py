"""How far a mailbox is fetched: shown to whom it concerns, moved forward only, and gone with its mailbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.db import Context
from opsloop_common.errors import Conflict
from opsloop_common.testing.http import MakeApi
from opsloop_feedback.app import SERVICE
from opsloop_feedback.imap.rules import Failure, Place
from opsloop_feedback.mail_polling import service
from services.feedback.tests.test_mail_in import NOTHING, Post

IMAP = {"host": "imap.example.com", "user_name": "u", "password": "p"}
ACME = Context(workspace="acme")


@pytest_asyncio.fixture
async def desk(api: MakeApi) -> AsyncIterator[Post]:
    door = await api(SERVICE)
    yield Post(door, await door.key("feedback:read", "feedback:write", "feedback:admin"))


async def added(desk: Post) -> UUID:
    return UUID((await desk.mailbox(kind="imap", imap=IMAP))["id"])


async def advance(desk: Post, mailbox_id: UUID, place: Place) -> None:
    async with desk.api.db.transaction(ACME) as session:
        await service._advance(session, mailbox_id, place)


async def fail(desk: Post, mailbox_id: UUID) -> None:
    async with desk.api.db.transaction(ACME) as session:
        await service._note_failure(session, mailbox_id, Failure.TIMEOUT)


async def test_before_the_first_look_there_is_nothing_to_show(desk: Post) -> None:
    shown = await desk.get(f"/v1/mailboxes/{await added(desk)}/progress")
    assert (shown["failures"], shown["failure"], shown["fetched_at"], shown["next_at"]) == (0, None, None, None)


async def test_progress_is_for_who_may_read_it(desk: Post) -> None:
    path = f"/v1/mailboxes/{await added(desk)}/progress"
    theirs = await desk.api.key("feedback:read", workspace="other")
    partner = await desk.api.key("feedback:submit")
    statuses = [(await desk.client.get(path, headers=head)).status_code for head in ({}, partner, theirs)]

    assert statuses == [401, 403, 404]
    await desk.get(f"/v1/mailboxes/{NOTHING}/progress", expect=404)


async def test_a_place_moves_forward_and_whoever_comes_second_is_told(desk: Post) -> None:
    mailbox_id = await added(desk)
    await advance(desk, mailbox_id, Place(7, 3))
    for stale in (Place(7, 3), Place(7, 2)):
        with pytest.raises(Conflict):
            await advance(desk, mailbox_id, stale)
    await advance(desk, mailbox_id, Place(7, 4))
    await advance(desk, mailbox_id, Place(8, 1))  # other numbers

    async with desk.api.db.transaction(ACME) as session:
        found = await service.find_progress(session, mailbox_id)
    assert found is not None
    assert (found.uid_validity, found.last_uid) == (8, 1)


async def test_who_fails_again_rests_longer(desk: Post) -> None:
    mailbox_id, now = await added(desk), desk.api.clock.now()
    async with desk.api.db.transaction(ACME) as session:
        for failures, minutes in ((1, 2), (2, 4), (3, 8)):
            await service._note_failure(session, mailbox_id, Failure.TIMEOUT)
            found = await service.find_progress(session, mailbox_id)
            assert found is not None
            assert (found.failures, found.next_at) == (failures, now + timedelta(minutes=minutes))


async def test_a_mailbox_that_went_meanwhile_leaves_nothing(desk: Post) -> None:
    mailbox_id = await added(desk)
    await fail(desk, mailbox_id)
    gone = await desk.client.delete(f"/v1/mailboxes/{mailbox_id}", headers=desk.agent)
    await fail(desk, mailbox_id)

    assert gone.status_code == 204
    async with desk.api.db.transaction(ACME) as session:
        assert await session.scalar(text("SELECT count(*) FROM mailbox_progress")) == 0


@pytest.mark.parametrize("wrong", ["failure = 'bad luck'", "failures = 0", "last_uid = 1", "failure = NULL"])
async def test_what_cannot_be_is_not_written(desk: Post, wrong: str) -> None:
    await fail(desk, await added(desk))
    with pytest.raises(IntegrityError):
        async with desk.api.db.transaction(ACME) as session:
            await session.execute(text(f"UPDATE mailbox_progress SET {wrong}"))
