"""What other rooms ask of items: some of them, held or only read, in a known order, and nothing of another workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from opsloop_common.db import Context
from opsloop_common.due.tables import due
from opsloop_common.errors import StaleVersion
from opsloop_common.ids import uuid7
from opsloop_common.resources import touch
from opsloop_common.versions import Precondition
from opsloop_feedback.filters.rules import Filters
from opsloop_feedback.items import rules
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.sla_clocks.rules import Turn

ACME, OTHER = Context("acme"), Context("other")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEFORE_ALL = UUID(int=0)


async def posts(desk, count: int, **fields: object) -> list[UUID]:
    """Submit some feedback, a minute apart; returns their ids in that order."""
    ids = []
    for _ in range(count):
        ids.append(UUID((await desk.post(**fields))["id"]))
        desk.api.clock.advance(60)
    return ids


async def shown(desk, *ids: UUID) -> list[dict[str, Any]]:
    return [await desk.get(f"/v1/feedback/{id}") for id in ids]


async def told(desk, type: str) -> list[dict[str, Any]]:
    return [event.data for event in await desk.api.events() if event.type == type]


def ids_of(found: Sequence[Feedback]) -> list[UUID]:
    return [one.id for one in found]


async def test_several_are_held_in_the_order_of_their_ids_each_once_without_what_is_gone(desk):
    ids = await posts(desk, 3)

    async with desk.api.db.transaction(ACME) as session:
        held = await items.lock_several(session, [ids[2], uuid7(), ids[0], ids[2], ids[1]])
        some = await items.lock_some(session, [ids[1], uuid7(), ids[0]])

        assert ids_of(held) == sorted(ids)
        assert list(some) == sorted(ids[:2])
        assert await items.lock_several(session, []) == []


async def test_who_locks_the_same_in_any_order_waits_and_nobody_loses_a_change(desk):
    ids = await posts(desk, 4)

    async def work(order: list[UUID]) -> None:
        async with desk.api.db.transaction(ACME) as session:
            for one in await items.lock_several(session, order):
                one.tags = [*one.tags, f"t{len(one.tags)}"]
                touch(session, one)

    await asyncio.wait_for(asyncio.gather(*(work(ids if n % 2 else ids[::-1]) for n in range(6))), 30)

    for one in await shown(desk, *ids):
        assert one["tags"] == [f"t{n}" for n in range(6)]


async def test_what_was_read_before_is_read_again_when_it_is_locked(desk):
    [id] = await posts(desk, 1)

    async with desk.api.db.transaction(ACME) as session:
        read = await items.get_feedback(session, id)
        assert (read.version, read.team) == (1, None)
        await desk.patch(str(id), team="core")
        locked = await items.find_and_lock(session, id)

        assert locked is read
        assert (locked.version, locked.team) == (2, "core")
        with pytest.raises(StaleVersion):
            await items.lock_feedback(session, id, Precondition('"1"'))
        assert (await items.lock_feedback(session, id, Precondition('"1", "2"'))).version == 2


async def test_another_workspace_finds_holds_and_counts_nothing(desk):
    ids = await posts(desk, 2, author={"user_id": "u1"})
    await desk.patch(str(ids[0]), assignee="ann", status="open")

    async with desk.api.db.transaction(OTHER) as session:
        assert await items.lock_several(session, ids) == []
        assert await items.find_and_lock(session, ids[0]) is None
        assert await items.sorted_posts(session, ids) == []
        assert await items.newest_said(session, limit=9) == []
        assert await items.worked_on(session, limit=9) == []
        assert await items.ids_after(session, BEFORE_ALL, limit=9) == []
        assert await items.first_and_last(session, before=NOON) == set()
        assert await items.loads_of(session, ["ann"]) == {}
        assert await items.count_members(session, ids) == 0
        assert await items.erase_authors(session, ["u1"], []) == []
        assert (await session.scalars(items.matching(Filters()))).all() == []
    assert [one["author"]["user_id"] for one in await shown(desk, *ids)] == ["u1", "u1"]


async def test_what_is_gone_is_left_out_and_of_nothing_there_is_nothing(desk):
    ids = await posts(desk, 2)

    async with desk.api.db.transaction(ACME) as session:
        assert set(ids_of(await items.some_feedback(session, [*ids, *ids, uuid7()]))) == set(ids)
        assert await items.find_and_lock(session, uuid7()) is None
        for ask in (items.some_feedback, items.said_in, items.sorted_posts):
            assert list(await ask(session, [])) == []
            assert list(await ask(session, [uuid7()])) == []
        assert await items.loads_of(session, []) == {}
        assert await items.count_members(session, []) == 0
        assert await items.erase_authors(session, [], []) == []


async def test_what_posts_say_comes_by_id_and_what_was_made_of_it_by_number(desk):
    said = {"title": "导出", "body": "It fails.", "area": "export", "attributes": {"platform": "ios"}, "rating": 2}
    ids = await posts(desk, 3, **said)

    async with desk.api.db.transaction(ACME) as session:
        found = await items.said_in(session, [ids[1], ids[2], ids[0]])
        made = await items.sorted_posts(session, [ids[2], ids[0], uuid7()])

    assert found == [rules.Said(id, "导出", "It fails.", "export", {"platform": "ios"}) for id in sorted(ids)]
    assert [(one.id, one.title, one.body, one.rating) for one in made] == [
        (id, "导出", "It fails.", 2) for id in (ids[0], ids[2])
    ]
    assert {one.triage["severity"] for one in made} == {one["severity"] for one in await shown(desk, *ids)}


async def test_the_newest_come_first_with_the_kind_only_where_its_sender_gave_it(desk):
    [first] = await posts(desk, 1, kind="praise", tags=["a"], locale="zh-CN")
    [second, third] = await posts(desk, 2, body="The export crashes.")
    await desk.patch(str(first), status="open")
    await desk.patch(str(second), status="resolved")

    async with desk.api.db.transaction(ACME) as session:
        said = await items.newest_said(session, limit=9)
        assert [one.id for one in await items.newest_said(session, limit=2)] == [third, second]
        assert [one.id for one in await items.worked_on(session, limit=9)] == [second, first]
        assert [one.id for one in await items.worked_on(session, limit=1)] == [second]

    assert [(one.id, one.said["kind"]) for one in said] == [(third, None), (second, None), (first, "praise")]
    assert (said[-1].said["tags"], said[-1].said["locale"], said[0].said["body"]) == (
        ["a"],
        "zh-CN",
        "The export crashes.",
    )


async def test_the_ends_are_those_before_a_time_and_ids_follow_each_other_in_portions(desk):
    start = desk.api.clock.now()
    ids = await posts(desk, 3)
    ordered = sorted(ids)

    async with desk.api.db.transaction(ACME) as session:
        assert await items.first_and_last(session, before=start) == set()
        assert await items.first_and_last(session, before=start + timedelta(seconds=1)) == {ids[0]}
        assert await items.first_and_last(session, before=start + timedelta(minutes=2)) == {ids[0], ids[1]}
        assert await items.first_and_last(session, before=NOON) == {ids[0], ids[2]}
        assert await items.ids_after(session, BEFORE_ALL, limit=2) == ordered[:2]
        assert await items.ids_after(session, ordered[1], limit=2) == ordered[2:]
        assert await items.ids_after(session, ordered[2], limit=2) == []


async def test_of_posts_of_one_moment_the_numbers_say_which_are_the_ends(desk):
    ids = [UUID((await desk.post())["id"]) for _ in range(4)]

    async with desk.api.db.transaction(ACME) as session:
        assert await items.first_and_last(session, before=NOON) == {ids[0], ids[3]}


async def test_loads_are_what_is_in_hand_and_neither_finished_nor_merged(desk):
    ids = await posts(desk, 6)
    for id, status in zip(ids, ("open", "pending", "snoozed", "resolved", "closed", "open"), strict=True):
        await desk.patch(str(id), assignee="ann", status=status)
    await desk.patch(str(ids[0]), assignee="bo")

    async with desk.api.db.transaction(ACME) as session:
        assert await items.loads_of(session, ["ann", "bo", "nobody"]) == {"ann": 3, "bo": 1}
        target, source = [await items.lock_feedback(session, id) for id in (ids[0], ids[5])]
        await items.merge(session, [source], target)
        assert await items.loads_of(session, {"ann"}) == {"ann": 2}


async def test_merging_and_parting_raise_the_version_of_whatever_is_another_then(desk):
    ids = await posts(desk, 3, author={"user_id": "u1"})

    async with desk.api.db.transaction(ACME) as session:
        held = await items.lock_some(session, ids)
        one, other, apart = (held[id] for id in ids)
        await items.merge(session, [one], other)
        # all by one author: nobody sees another number on the one that stands for both
        assert (one.version, other.version, apart.version, other.affected_users) == (2, 1, 1, 1)
        await items.part(session, one, other, [], status="new")
        assert (one.version, other.version, one.status, one.merged_into_id) == (3, 1, "new", None)
        assert await items.count_members(session, ids) == 0


async def test_who_is_given_work_is_told_of_once(desk):
    [id] = await posts(desk, 1)

    for assignee in ("ann", "ann", None):
        async with desk.api.db.transaction(ACME) as session:
            items.assign(session, await items.lock_feedback(session, id), team="core", assignee=assignee)

    [one] = await shown(desk, id)
    assert (one["team"], one["assignee"]) == ("core", None)
    events = await told(desk, "feedback.assigned")
    assert [(event["team"], event["assignee"]) for event in events] == [("core", "ann"), ("core", None)]


@pytest.mark.parametrize(
    ("change", "is_planned"),
    [({"title": "other words"}, True), ({"area": "web"}, True), ({"severity": "s1"}, False), ({"title": "t"}, False)],
)
async def test_only_what_is_found_by_other_words_is_to_be_read_again(desk, change, is_planned):
    [id] = await posts(desk, 1, title="t")
    await desk.patch(str(id), **change)

    async with desk.api.db.transaction(ACME) as session:
        planned = await session.scalars(select(due.c.key).where(due.c.kind == rules.READ_AGAIN))
        assert list(planned) == ([str(id)] if is_planned else [])


@pytest.mark.parametrize("status", ["new", "pending", "resolved"])
async def test_only_the_first_reply_is_timed_and_takes_up_what_was_new(desk, status):
    made = await desk.post()
    version = 1 if status == "new" else (await desk.patch(made["id"], status=status)) and 2
    desk.api.clock.advance(90)

    async with desk.api.db.transaction(ACME) as session:
        post = await items.lock_feedback(session, UUID(made["id"]))
        assert await items.mark_replied(session, post) == 90
        assert post.version == version + 1
    desk.api.clock.advance(90)
    async with desk.api.db.transaction(ACME) as session:
        post = await items.lock_feedback(session, UUID(made["id"]))
        assert await items.mark_replied(session, post) is None
        assert (post.version, post.status) == (version + 1, "open" if status == "new" else status)

    assert (await desk.get(f"/v1/feedback/{made['id']}"))["first_replied_at"] == "2026-11-22T08:01:30Z"


async def test_no_reply_came_before_its_post_whatever_the_clocks_say(desk):
    made = await desk.post()
    desk.api.clock.set(desk.api.clock.now() - timedelta(seconds=5))

    async with desk.api.db.transaction(ACME) as session:
        assert await items.mark_replied(session, await items.lock_feedback(session, UUID(made["id"]))) == 0


async def test_clocks_begin_once_and_go_with_answers_and_questions(desk, china):
    id = UUID((await desk.post())["id"])

    for _ in range(2):
        async with desk.api.db.transaction(ACME) as session:
            held = await items.lock_several(session, [id])
            await items.begin_clocks(session, held)
            assert (held[0].version, held[0].due_at) == (2, datetime(2026, 11, 20, 2, tzinfo=UTC))
    china.at("2026-11-20T09:30")
    async with desk.api.db.transaction(ACME) as session:
        post = await items.lock_feedback(session, id)
        assert not await items.keep_clocks(session, post)
        assert await items.mark_replied(session, post) == 1800
        assert (post.version, post.due_at) == (3, datetime(2026, 11, 20, 10, tzinfo=UTC))
        # whoever has them go with a question or an answer raises the version
        assert await items.keep_clocks(session, post, turn=Turn.ASKED)
        assert (post.version, post.due_at) == (3, datetime(2026, 11, 20, 3, 30, tzinfo=UTC))
        assert not await items.keep_clocks(session, post, turn=Turn.ASKED)
        assert await items.keep_clocks(session, post, turn=Turn.REPLIED)
        assert (post.version, post.due_at) == (3, datetime(2026, 11, 20, 10, tzinfo=UTC))


async def test_without_a_policy_no_clock_begins_and_none_is_kept(desk):
    ids = await posts(desk, 2)

    async with desk.api.db.transaction(ACME) as session:
        held = await items.lock_several(session, ids)
        await items.begin_clocks(session, held)
        await items.begin_clocks(session, [])
        for post in held:
            assert not await items.keep_clocks(session, post, turn=Turn.ASKED, is_resorted=True)
            assert (post.version, post.due_at) == (1, None)


async def test_people_are_taken_out_by_id_and_by_address_only_where_no_id_is_known(desk):
    said = {"title": "My name is Zoe", "body": "Call Zoe back", "attributes": {"phone": "1"}}
    authors = (
        {"user_id": "zoe", "name": "Zoe"},
        {"email": "ZOE@example.test"},
        {"user_id": "other", "email": "zoe@example.test"},
    )
    made = [
        await desk.post(**(said | {"author": author, "external_id": str(n), "channel": "form"}))
        for n, author in enumerate(authors)
    ]
    ids = [UUID(one["id"]) for one in made]

    async with desk.api.db.transaction(ACME) as session:
        assert set(await items.erase_authors(session, ["zoe"], ["Zoe@Example.test"])) == set(ids[:2])
        assert await items.erase_authors(session, ["zoe"], ["zoe@example.test"]) == []

    *erased, kept = await shown(desk, *ids)
    assert kept == made[2]
    for was, one in zip(made, erased, strict=False):
        assert (one["title"], one["body"], one["attributes"]) == (None, "", {})
        assert [one["author"][name] for name in ("user_id", "email", "name")] == [None] * 3
        assert [one[name] for name in ("external_id", "number", "kind", "severity")] == [
            was[name] for name in ("external_id", "number", "kind", "severity")
        ]
        assert one["triage"]["reasons"] == []
    assert [one["id"] for one in (await desk.get("/v1/feedback", text="Zoe"))["items"]] == [kept["id"]]


async def test_of_somebody_with_many_posts_a_portion_is_erased_at_once_in_their_order(desk, monkeypatch):
    monkeypatch.setattr(items, "ERASED_AT_ONCE", 2)
    ids = await posts(desk, 5, author={"user_id": "u1"})
    portions = []

    for _ in range(4):
        async with desk.api.db.transaction(ACME) as session:
            portions.append(sorted(await items.erase_authors(session, ["u1"], [])))

    ordered = sorted(ids)
    assert portions == [ordered[:2], ordered[2:4], ordered[4:], []]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), [0, 1, 2]),
        (Filters(assignee=["ann", "nobody"]), [0]),
        (Filters(team=["co\u200bre", "web"]), [0, 1]),
        (Filters(team=["core"], assignee=["bo"]), []),
        (Filters(due_before=NOON), [0]),
        (Filters(due_before=NOON + timedelta(seconds=1)), [0, 1]),
        (Filters(updated_from=datetime(2026, 11, 22, 8, 3, tzinfo=UTC)), [0, 1]),
        (Filters(created_from=datetime(2026, 11, 22, 8, 1, tzinfo=UTC)), [1, 2]),
        (Filters(created_to=datetime(2026, 11, 22, 8, 1, tzinfo=UTC)), [0]),
        (Filters(status=["new"], text="Export"), [2]),
        (Filters(number=[0]), []),
    ],
)
async def test_all_filters_must_hold_and_ends_of_time_are_left_out(desk, filters, expected):
    ids = await posts(desk, 3)
    await desk.patch(str(ids[0]), assignee="ann", team="core", status="open", due_at="2026-11-22T11:59:59Z")
    await desk.patch(str(ids[1]), assignee="bo", team="web", status="pending", due_at="2026-11-22T12:00:00Z")

    async with desk.api.db.transaction(ACME) as session:
        found = (await session.scalars(items.matching(filters))).all()

    assert sorted(ids.index(one.id) for one in found) == expected
