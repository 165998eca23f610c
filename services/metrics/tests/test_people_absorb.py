"""Blocks of messages on a real database: what is kept, whatever order, however often, and with others at the same time."""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from opsloop_common.db import Context
from opsloop_metrics.app import SERVICE
from opsloop_metrics.capture.rules import EARLIEST, Heard, MessageKind, Reason, person_id
from opsloop_metrics.people import service
from opsloop_metrics.people.rules import Merge, Verdict
from services.metrics.tests.people import ACME, T0, absorb, alias, identify, partition, rows, said, stored

COMPANY = {"company": "c1"}


@pytest_asyncio.fixture
async def db(api):
    return (await api(SERVICE)).db


@contextmanager
def counting(db):
    """Count the statements that reach the database."""
    seen = []
    engine = db.engine.sync_engine

    def note(*given):
        seen.append(given[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def a_story():
    """Return a block with something of everything."""
    return [
        said("a", minute=1, traits_set_once={"source": "ad"}),
        identify("u", "a", minute=2, traits_set={"plan": "free", "email": "u@example.test"}, groups=COMPANY),
        said("u", minute=4, kind=MessageKind.GROUP, groups=COMPANY, group_traits={"seats": 5}),
        identify("u", minute=5, traits_set={"plan": "pro"}, traits_unset=("source",)),
        said("b", minute=6),
        alias("u", "b", minute=7),
    ]


async def test_a_block_gives_each_message_its_person_and_tells_the_store(db):
    found = await absorb(db, *a_story())

    u = person_id(ACME, "u")
    assert found.verdicts == [Verdict(u)] * 6
    assert await partition(db) == [{"a", "b", "u"}]
    [person] = found.persons
    assert (person.id, person.user_id, person.version, person.first_seen_at) == (u, "u", 1, T0 + timedelta(minutes=1))
    assert person.traits.values == {"plan": "pro", "email": "u@example.test"}
    assert found.merges == [], "a and b were never anybody to whom an event could belong"


async def test_hearing_a_block_again_writes_nothing_but_what_it_says(db):
    await absorb(db, *a_story())
    before = await stored(db)

    again = await absorb(db, *a_story())

    assert await stored(db) == before
    assert (again.persons, again.merges) == ([], [])


async def test_late_and_shuffled_comes_to_the_same_as_in_order(db):
    ordered = await absorb(db, *a_story())
    story = a_story()
    random.Random(7).shuffle(story)
    for heard in story:
        await absorb(db, heard, workspace="other")

    [person] = await rows(db, "SELECT traits, first_seen_at FROM person", "other")
    assert (person.traits, person.first_seen_at) == (ordered.persons[0].traits.values, ordered.persons[0].first_seen_at)
    assert await partition(db, "other") == await partition(db)
    assert await rows(db, "SELECT type, key, since FROM person_group", "other") == await rows(
        db, "SELECT type, key, since FROM person_group"
    )


async def test_stored_persons_merge_and_the_store_is_told_where_each_is_now(db):
    await absorb(db, said("a", minute=-3, groups=COMPANY, traits_set={"tag": "x", "plan": "old"}))
    await absorb(db, identify("u", groups=COMPANY, traits_set={"plan": "free"}))
    first = await absorb(db, identify("u", "a"))
    await absorb(db, identify("v"))
    second = await absorb(db, alias("v", "u"))

    a, u, v = (person_id(ACME, id) for id in "auv")
    assert first.verdicts == [Verdict(u)]
    assert first.merges == [Merge(a, u, 1)]
    assert sorted(second.merges, key=lambda merge: merge.version) == [Merge(u, v, 1), Merge(a, v, 2)]
    assert [(person.id, person.traits.values) for person in second.persons] == [(v, {"plan": "free", "tag": "x"})]
    assert await partition(db) == [{"a", "u", "v"}]
    assert await rows(db, "SELECT person_id, type, key, since FROM person_group") == [
        (v, "company", "c1", T0 - timedelta(minutes=3))
    ]
    assert await rows(db, "SELECT id FROM person") == [(v,)]
    assert sorted(await rows(db, "SELECT from_id, into_id, actor FROM person_merge")) == sorted(
        [(a, v, "key:1"), (u, v, "key:1")]
    )
    assert (await absorb(db, said("a"))).verdicts == [Verdict(v)]


async def test_a_publishable_key_merges_no_two_users(db):
    await absorb(db, identify("u"), identify("v"))
    found = await absorb(db, alias("v", "u", trusted=False), identify("v", "u", trusted=False))

    v = person_id(ACME, "v")
    assert found.verdicts == [Verdict(v, Reason.MERGE_REFUSED), Verdict(v)]
    assert await partition(db) == [{"u"}, {"v"}]
    assert (await absorb(db, alias("v", "u"))).verdicts == [Verdict(v)]
    assert await partition(db) == [{"u", "v"}]


async def test_a_user_whose_id_a_browser_took_first_starts_apart(db):
    await absorb(db, identify("u", "victim", trusted=False))
    found = await absorb(db, identify("victim", traits_set={"plan": "pro"}))

    assert found.verdicts == [Verdict(person_id(ACME, "victim"))]
    assert await partition(db) == [{"u"}, {"victim"}]
    await absorb(db, identify("victim", minute=1))
    assert await partition(db) == [{"u"}, {"victim"}]


async def test_workspaces_know_nothing_of_each_other(db):
    await absorb(db, identify("u", "a"), groups_of_u := said("u", groups=COMPANY))
    found = await absorb(db, said("a"), groups_of_u, workspace="other")

    assert found.verdicts == [Verdict(person_id("other", "a")), Verdict(person_id("other", "u"))]
    assert (await partition(db), await partition(db, "other")) == ([{"a", "u"}], [{"a"}, {"u"}])


async def test_who_is_identified_is_told_once_and_without_addresses(api):
    acme = await api(SERVICE)
    await absorb(acme.db, said("a", traits_set={"plan": "free", "email": "u@example.test"}))
    await absorb(acme.db, identify("u", "a"), identify("u", minute=1, traits_set={"phone": "+49 30 1234567"}))
    await absorb(acme.db, identify("u", minute=2), identify("v", "a"))

    told = [(event.type, event.subject, event.data) for event in await acme.events()]
    assert [(type, data["user_id"], data["traits"]) for type, _, data in told] == [
        ("user.identified", "u", {"plan": "free"}),
        ("user.identified", "v", {}),
    ]
    assert told[0][1] == f"person/{person_id(ACME, 'u')}"


@pytest.mark.parametrize("backwards", [False, True])
async def test_of_two_who_merge_two_each_into_the_other_one_is_left(db, backwards):
    await absorb(db, identify("u"), identify("v"))
    both = [alias("v", "u"), alias("u", "v")]

    await asyncio.gather(*(absorb(db, heard) for heard in (reversed(both) if backwards else both)))

    assert await partition(db) == [{"u", "v"}]
    assert len(await rows(db, "SELECT id FROM person")) == 1
    assert len(await rows(db, "SELECT from_id FROM person_merge")) == 1


async def test_many_writers_at_once_make_the_same_persons_as_one(db):
    story = [identify(f"u{index % 7}", f"a{index % 14}") for index in range(70)]
    story += [said(f"a{index % 14}", minute=index) for index in range(70)]
    random.Random(3).shuffle(story)

    await asyncio.gather(*(absorb(db, *story[start::10]) for start in range(10)))

    # a device has one user here, so that the order does not matter: u0 has a0 and a7, u1 has a1 and a8 …
    assert await partition(db) == sorted(
        ({f"a{index}", f"a{index + 7}", f"u{index}"} for index in range(7)), key=sorted
    )
    living = await rows(db, "SELECT id FROM person")
    assert len(living) == 7


async def test_an_erasure_waits_for_blocks_under_way(db):
    await absorb(db, identify("u"))
    erased = asyncio.Event()

    async def erase():
        async with db.transaction(Context(ACME)) as session:
            await service.erase_heard(session, ["u"])
        erased.set()

    async with db.transaction(Context(ACME)) as session:
        assert (await service.absorb(session, [said("u")])).verdicts == [Verdict(person_id(ACME, "u"))]
        erasing = asyncio.create_task(erase())
        while not await rows(db, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert not erasing.done()
    await erasing
    assert (await absorb(db, said("u"))).verdicts == [Verdict(None, Reason.ERASED)]


async def test_a_block_costs_a_handful_of_statements_whatever_its_size(db):
    def block(count, minute=0.0):
        return [identify(f"u{index}", f"a{index}", minute=minute, groups=COMPANY) for index in range(count)]

    await absorb(db, *(said(f"a{index}") for index in range(300)))
    with counting(db) as few:
        await absorb(db, *block(3, minute=1))
    with counting(db) as many:
        await absorb(db, *block(300, minute=2))
    with counting(db) as known:
        await absorb(db, *(said(f"u{index}", minute=3) for index in range(300)))

    assert len(few) == len(many) <= 20, many
    assert len(known) == 3, "entering the workspace, sharing the intake, looking up"


async def test_what_cannot_be_stored_is_stored_otherwise(db):
    odd = {"a\x00": "b\x00", "c": ["\ud800"], "big": 2**63, "中文": "值"}
    await absorb(db, identify("u", traits_set=odd, groups={"t\x00": "k\x00"}))

    [(traits,)] = await rows(db, "SELECT traits FROM person")
    assert traits == {"a\ufffd": "b\ufffd", "c": ["\ufffd"], "big": 2**63, "中文": "值"}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([None, "u1", "u2"]), min_size=3, max_size=3),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
async def test_any_order_in_any_blocks_ends_in_the_same_persons(db, owners, random, blocks):
    workspace = f"w{uuid4()}"
    belongs = dict(zip(("a1", "a2", "a3"), owners, strict=True))
    story = [said(device, minute=index) for index, device in enumerate(belongs)]
    story += [identify(user, device) for device, user in belongs.items() if user]
    story += [said(user, user=True) for user in ("u1", "u2")]
    random.shuffle(story)

    for start in range(blocks):
        await absorb(db, *story[start::blocks], workspace=workspace)

    users = [{user, *(device for device in belongs if belongs[device] == user)} for user in ("u1", "u2")]
    alone = [{device} for device in belongs if belongs[device] is None]
    assert await partition(db, workspace) == sorted([*users, *alone], key=sorted)


async def test_erased_ids_are_kept_as_digests_under_the_services_secret(db):
    async with db.transaction(Context(ACME)) as session:
        await service.erase_heard(session, ["u1"])
        [digest] = (await session.execute(text("SELECT digest FROM erased_person"))).scalars()
    await absorb(db, said("x"), workspace="other")

    assert len(digest) == 32
    assert b"u1" not in digest
    assert (await absorb(db, said("u1"), workspace="other")).verdicts == [Verdict(person_id("other", "u1"))]


async def test_what_is_rolled_back_was_never_heard(db):
    with pytest.raises(RuntimeError):
        async with db.transaction(Context(ACME)) as session:
            await service.absorb(session, a_story())
            raise RuntimeError("the store is out of reach")

    assert all(kept == [] for kept in (await stored(db)).values())
    assert (await absorb(db, *a_story())).verdicts == [Verdict(person_id(ACME, "u"))] * 6


async def test_an_id_that_two_writers_meet_at_once_is_one_person(db):
    blocks = [[said("a")], [identify("u", "a")], [said("a"), said("b")], [identify("u", "b")], [said("b")]] * 4

    found = await asyncio.gather(*(absorb(db, *block) for block in blocks))

    assert await partition(db) == [{"a", "b", "u"}]
    u = person_id(ACME, "u")
    merged = {merge.person_id for absorbed in found for merge in absorbed.merges}
    given = {verdict.person_id for absorbed in found for verdict in absorbed.verdicts}
    assert given <= {u, *merged}, "to whomever an event was given, it leads to who is there now"
    assert await rows(db, "SELECT id FROM person") == [(u,)]


async def test_an_erasure_and_a_link_at_the_same_time_leave_nothing_of_the_erased(db):
    for round in range(6):
        user, device = f"u{round}", f"a{round}"
        await absorb(db, identify(user))

        async def erase(user=user):
            async with db.transaction(Context(ACME)) as session:
                await service.erase_heard(session, [user])

        await asyncio.gather(absorb(db, said(device), identify(user, device)), erase())

        assert (await absorb(db, said(user))).verdicts == [Verdict(None, Reason.ERASED)]
        assert await rows(db, "SELECT 1 FROM person WHERE user_id = :user", user=user) == []
    assert all(not any(id.startswith("u") for id in ids) for ids in await partition(db))


async def test_who_is_to_have_no_profile_has_none(db):
    found = await absorb(db, said("a", personless=True, traits_set={"x": 1}, groups=COMPANY), said("b"))

    assert found.verdicts == [Verdict(person_id(ACME, "a")), Verdict(person_id(ACME, "b"))]
    assert [person.user_id for person in found.persons] == ["b"]
    assert (await partition(db), await rows(db, "SELECT 1 FROM person_group")) == ([{"b"}], [])


async def test_ids_that_stand_for_nobody_make_no_person_of_many(db):
    block = [identify(f"u{index}", "anonymous", "null", "[object Object]") for index in range(3)]
    block += [said("null"), said("anonymous", "u1", user=True, explicit=True, traits_set={"plan": "pro"})]

    found = await absorb(db, *block)

    assert [verdict.reason for verdict in found.verdicts] == [None] * 5
    assert await partition(db) == [{"anonymous"}, {"null"}, {"u0"}, {"u1"}, {"u2"}]
    assert not (await absorb(db, *block)).persons


@pytest.mark.parametrize("id", ["张三", "a b", "x" * 200, "a'b\"c", "%_\\", "{1,2}", "NULL-ish", "🧑‍🚀", "Ａ"])
async def test_ids_are_kept_as_they_came(db, id):
    await absorb(db, identify(id, f"{id[:190]} device"))

    assert await partition(db) == [{id, f"{id[:190]} device"}]
    assert (await absorb(db, said(id))).verdicts == [Verdict(person_id(ACME, id))]


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 58, tzinfo=UTC)])
async def test_any_time_can_be_kept(db, at):
    heard = Heard(said("u").message, at, True, "key:1")
    await absorb(db, heard)
    await absorb(db, replace(heard, message=identify("u", traits_set={"x": 1}).message))

    [(seen, traits)] = await rows(db, "SELECT first_seen_at, traits FROM person")
    assert (seen, traits) == (max(at, EARLIEST), {"x": 1})
    assert not (await absorb(db, heard)).persons


async def test_an_earlier_event_moves_the_beginning_and_a_later_one_nothing(db):
    await absorb(db, said("a", minute=5))
    late = await absorb(db, said("a", minute=2))
    later = await absorb(db, said("a", minute=9))

    assert [(person.first_seen_at, person.version) for person in late.persons] == [(T0 + timedelta(minutes=2), 2)]
    assert not later.persons


async def test_groups_keep_what_was_said_of_them_last(db):
    def group(minute, **traits):
        return said("u", minute=minute, kind=MessageKind.GROUP, groups=COMPANY, group_traits=traits)

    await absorb(db, group(5, seats=5, name="公司"))
    await absorb(db, group(3, seats=3, city="上海"), said("v", groups=COMPANY))

    [(traits, seen)] = await rows(db, "SELECT traits, first_seen_at FROM group_profile")
    assert traits == {"seats": 5, "name": "公司", "city": "上海"}
    assert seen == T0 + timedelta(minutes=3)
    assert await rows(db, "SELECT key, since FROM person_group ORDER BY since") == [
        ("c1", T0),
        ("c1", T0 + timedelta(minutes=3)),
    ]
    assert await rows(db, "SELECT 1 FROM group_profile", "other") == []


async def test_a_large_block_is_one_block(db):
    block = [identify(f"u{index}", f"a{index}", f"b{index}") for index in range(1_500)]
    found = await absorb(db, *block)

    assert len({verdict.person_id for verdict in found.verdicts}) == len(found.persons) == 1_500
    assert len(await partition(db)) == 1_500
    assert (await absorb(db, *(said(f"b{index}") for index in range(1_500)))).verdicts == found.verdicts
