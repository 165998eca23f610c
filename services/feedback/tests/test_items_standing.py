"""One item stands for others: whom it concerns is counted from all of them, and the table holds what must never be."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.db import Context
from opsloop_feedback.items import service as items

ACME = Context(workspace="acme")


@pytest.fixture
async def five(desk):
    authors = ({"user_id": "u1"}, {"email": "A@example.test"}, {"email": "a@example.test"}, None, None)
    return [(await desk.post(**({"author": author} if author else {})))["id"] for author in authors]


async def test_people_are_known_by_id_then_by_address_and_else_count_one_each(desk, five):
    async with desk.api.db.transaction(ACME) as session:
        held = {str(id): one for id, one in (await items.lock_some(session, five)).items()}
        target, *sources = (held[id] for id in five)
        await items.merge(session, sources, target)

    assert (await desk.get(f"/v1/feedback/{five[0]}"))["affected_users"] == 4
    async with desk.api.db.transaction(ACME) as session:
        assert await items.count_members(session, [target.id]) == 4


async def test_who_parts_takes_along_those_named(desk, five):
    async with desk.api.db.transaction(ACME) as session:
        held = {str(id): one for id, one in (await items.lock_some(session, five)).items()}
        target, *sources = (held[id] for id in five)
        await items.merge(session, sources, target)
        await items.part(session, sources[0], target, [sources[1].id], status="open")

    shown = [await desk.get(f"/v1/feedback/{id}") for id in five]
    assert [each["status"] for each in shown] == ["new", "open", "merged", "merged", "merged"]
    assert [each["merged_into_id"] for each in shown] == [None, None, five[1], five[0], five[0]]
    assert [each["affected_users"] for each in shown[:2]] == [3, 1]


@pytest.mark.parametrize(
    "change",
    [
        "status = 'merged'",
        "merged_into_id = (SELECT id FROM feedback WHERE id <> f.id LIMIT 1)",
        "status = 'merged', merged_into_id = f.id",
        "affected_users = -1",
        "status = 'merged', merged_into_id = gen_random_uuid()",
    ],
)
async def test_what_must_not_be_the_table_refuses(desk, five, change):
    with pytest.raises(IntegrityError):
        async with desk.api.db.transaction(ACME) as session:
            await session.execute(text(f"UPDATE feedback AS f SET {change} WHERE id = :id"), {"id": five[0]})


async def test_nothing_is_locked_where_nothing_is_asked_for(desk, five):
    async with desk.api.db.transaction(ACME) as session:
        assert await items.lock_some(session, []) == {}
    async with desk.api.db.transaction(Context(workspace="other")) as session:
        assert await items.lock_some(session, five) == {}
        assert await items.some_feedback(session, five) == []
        assert await items.said_in(session, five) == []
