"""What is kept sealed gets the present key: in pages, again after a stop, and without touching what nobody can open."""

import pytest
from sqlalchemy import text, update

from opsloop_common.access import user_secrets
from opsloop_common.access.tables import user_secret
from opsloop_common.access.user_secrets import PURPOSE
from opsloop_common.db import Context
from opsloop_common.resealing import IN_EVERY_SERVICE, Resealed, Sealed, reseal
from opsloop_common.secretbox import SecretBox, Unsealable
from opsloop_common.testing.sample.service import SAMPLE

OLD, NEW = (f"{which} key of tests, 32 characters at least" for which in ("the old", "the new"))
ROTATED = SecretBox(NEW, previous=[OLD])


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


async def make(database, box, count, workspace="acme"):
    async with database.transaction(Context(workspace, actor="system")) as session:
        made = [await user_secrets.create(session, box, name="n", workspace=workspace) for _ in range(count)]
    return {secret.id: secret.text for secret in made}


async def opened(database, box):
    async with database.transaction() as session:
        rows = (await session.execute(text("SELECT id, secret FROM user_secret"))).all()
    return {row.id: box.open(row.secret, purpose=PURPOSE).decode() for row in rows}


async def test_all_of_all_workspaces_is_sealed_anew_in_pages(database):
    made = await make(database, SecretBox(OLD), 7) | await make(database, SecretBox(OLD), 2, "b")
    made |= await make(database, SecretBox(NEW), 2)

    assert await reseal(database, ROTATED, (), page=3) == Resealed(resealed=9, unchanged=2)
    assert await opened(database, SecretBox(NEW)) == made
    assert await reseal(database, ROTATED, (), page=3) == Resealed(unchanged=11)


async def test_a_page_that_is_full_and_the_last_ends_it(database):
    await make(database, SecretBox(OLD), 4)

    assert await reseal(database, ROTATED, (), page=2) == Resealed(resealed=4)


async def test_stopped_halfway_it_goes_on_when_it_is_done_again(database, monkeypatch):
    made = await make(database, SecretBox(OLD), 5)

    class Stopping(SecretBox):
        left = 3

        def resealed(self, token, *, purpose):
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("killed")
            return super().resealed(token, purpose=purpose)

    with pytest.raises(RuntimeError):
        await reseal(database, Stopping(NEW, previous=[OLD]), (), page=2)

    assert await opened(database, ROTATED) == made
    assert await reseal(database, ROTATED, (), page=2) == Resealed(resealed=3, unchanged=2)


async def test_what_no_key_opens_is_counted_and_left(database):
    await make(database, SecretBox(OLD), 1)
    await make(database, SecretBox("a third key of tests, 32 characters at least"), 1)

    assert await reseal(database, ROTATED, ()) == Resealed(resealed=1, unreadable=1)
    with pytest.raises(Unsealable):
        await opened(database, ROTATED)


async def test_nothing_is_no_secret(database):
    made = await make(database, SecretBox(OLD), 2)
    async with database.transaction() as session:
        await session.execute(update(user_secret).where(user_secret.c.id == next(iter(made))).values(secret=""))

    assert await reseal(database, ROTATED, ()) == Resealed(resealed=1)


async def test_a_service_adds_its_own_columns(database):
    async with database.transaction(Context("acme", actor="system")) as session:
        sealed = SecretBox(OLD).seal(b"by", purpose="maker")
        await user_secrets.create(session, SecretBox(OLD), name="n", workspace="acme")
        await session.execute(update(user_secret).values(created_by=sealed))

    found = await reseal(database, ROTATED, [Sealed("user_secret", "created_by", "maker")])

    assert found == Resealed(resealed=2)
    assert [column.table for column in IN_EVERY_SERVICE] == ["user_secret"]
