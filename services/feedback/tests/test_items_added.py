"""Items are added by the room of items, whoever took them in: numbered, many at once, and never twice under one name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from opsloop_common.db import Context
from opsloop_common.errors import NotFound
from opsloop_common.ids import uuid7
from opsloop_feedback.intake.rules import new_row
from opsloop_feedback.items import service
from opsloop_feedback.items.rules import PORTION_CHARACTERS, PORTION_ROWS, NaturalKey
from opsloop_feedback.submissions.rules import Submission

ACME, OTHER = Context("acme"), Context("other")


def key(external_id: str) -> NaturalKey:
    return ("partner", "api", external_id)


def a_row(desk, body: str = "It crashes.", external_id: str | None = None, workspace: str = "acme") -> dict[str, Any]:
    said = Submission(body=body, source="partner", external_id=external_id)
    return new_row(said, id=uuid7(), workspace=workspace, now=desk.api.clock.now())


async def test_numbers_rise_in_the_order_given_whatever_the_names(desk):
    named = {key(name): a_row(desk, external_id=name) for name in ("b", "a")}
    rows: dict[object, dict[str, Any]] = {key("b"): named[key("b")], 1: a_row(desk), key("a"): named[key("a")]}

    async with desk.api.db.transaction(ACME) as session:
        added = await service.add(session, rows)

    assert added == set(rows)
    listed = (await desk.get("/v1/feedback"))["items"]
    assert [item["id"] for item in sorted(listed, key=lambda item: item["number"])] == [
        str(row["id"]) for row in rows.values()
    ]


async def test_what_is_known_stays_as_it_was_and_is_not_added(desk):
    first, again, new = (a_row(desk, body, name) for body, name in (("first", "1"), ("again", "1"), ("new", "2")))

    async with desk.api.db.transaction(ACME) as session:
        await service.add(session, {key("1"): first})
    async with desk.api.db.transaction(ACME) as session:
        added = await service.add(session, {key("1"): again, key("2"): new})
        known = await service.known_ids(session, [key("1"), key("2"), key("3")])

    assert added == {key("2")}
    assert known == {key("1"): first["id"], key("2"): new["id"]}
    assert sorted(item["body"] for item in (await desk.get("/v1/feedback"))["items"]) == ["first", "new"]


@pytest.mark.parametrize("body", ["short", "x" * (PORTION_CHARACTERS // 8)], ids=["by rows", "by characters"])
@pytest.mark.parametrize("is_named", [False, True])
async def test_more_than_a_portion_lands_whole(desk, body: str, is_named: bool):
    names = [str(n) if is_named else None for n in range(2 * PORTION_ROWS + 1 if body == "short" else 20)]
    rows: dict[object, dict[str, Any]] = {
        n if name is None else key(name): a_row(desk, body, name) for n, name in enumerate(names)
    }

    async with desk.api.db.transaction(ACME) as session:
        added = await service.add(session, rows)
        found = [(await service.get_feedback(session, row["id"])).number for row in rows.values()]

    assert added == set(rows)
    assert found == sorted(row["number"] for row in rows.values())


async def test_nothing_is_added_without_rows(desk):
    async with desk.api.db.transaction(ACME) as session:
        assert await service.add(session, {}) == set()
        assert await service.known_ids(session, []) == {}


async def test_a_name_is_its_workspaces_own(desk):
    async with desk.api.db.transaction(OTHER) as session:
        theirs = a_row(desk, external_id="1", workspace="other")
        await service.add(session, {key("1"): theirs})

    async with desk.api.db.transaction(ACME) as session:
        assert await service.find_known(session, key("1")) is None
        assert await service.known_ids(session, [key("1")]) == {}
        with pytest.raises(NotFound):
            await service.get_feedback(session, theirs["id"])
    async with desk.api.db.transaction(OTHER) as session:
        found = await service.find_known(session, key("1"))
        assert found is not None
        assert found.id == theirs["id"]


async def test_an_item_that_is_not_there_cannot_be_read_or_held(desk):
    async with desk.api.db.transaction(ACME) as session:
        for ask in (service.get_feedback, service.lock_feedback):
            with pytest.raises(NotFound):
                await ask(session, UUID(int=1))
