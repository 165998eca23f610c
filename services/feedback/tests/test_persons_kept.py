"""Persons at their bounds, in turns with an erasure, and found through indexes alone however many there are."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.errors import TooMany
from opsloop_common.ids import uuid7
from opsloop_common.testing.bus_suite import until
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.workspaces import lock
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.filters.rules import Filters
from opsloop_feedback.items import service as items
from opsloop_feedback.people.consumers import PEOPLE
from opsloop_feedback.persons import queries, rules, service
from opsloop_feedback.persons.service import Whom

ACME = Context(workspace="acme")
MANY = 4_000
PEOPLE_THERE = (
    "INSERT INTO person (id, workspace, version, created_at, updated_at, known_by, is_verified, joined_id, merged_into_id) "
    "SELECT id, :workspace, 1, :now, :now, 'id\\:' || id, :is_verified, :into, :into FROM unnest(CAST(:ids AS uuid[])) AS id"
)
WAYS = (
    "INSERT INTO person_identity (workspace, person_id, source, channel, email, since) SELECT :workspace, id, 'test', "
    "'form', coalesce(:email, id || '@example.test'), :now FROM unnest(CAST(:ids AS uuid[])) AS id"
)
PAIRS = (
    "INSERT INTO person_suggestion (id, workspace, person_id, other_id, reason, created_at) "
    "SELECT gen_random_uuid(), :workspace, least(a, b), greatest(a, b), 'same_email', :now "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:others AS uuid[])) AS w (a, b)"
)
POSTS = (
    "INSERT INTO feedback (id, workspace, status, body, kind, severity, sentiment, triage, channel, source, author_verified, "
    "author_user_id, tags, attributes, occurred_at, created_at, updated_at, search_text, affected_users) SELECT id, "
    ":workspace, 'new', 'x', 'other', 's4', 0, '{}', 'api', 'bench', true, CAST(id AS text), '{}', '{}', :now, :now, :now, "
    "'x', 1 FROM unnest(CAST(:ids AS uuid[])) AS id"
)


async def fill(desk, count, *statements, workspace="acme", **given):
    """Make people, and what else is asked for; returns their ids."""
    ids = [uuid7() for _ in range(count)]
    values = {"workspace": workspace, "now": desk.api.clock.now(), "is_verified": True, "into": None, "email": None}
    values |= {"ids": ids, "others": ids[1:] + ids[:1]} | given
    async with desk.api.db.transaction(Context(workspace=workspace)) as session:
        for statement in (PEOPLE_THERE, *statements):
            asked = text(statement)
            await session.execute(asked, {name: values[name] for name in asked._bindparams})
    return ids


async def merge(desk, source, into):
    async with desk.api.db.transaction(ACME) as session:
        return await service.merge_person(session, source, into)


async def test_a_group_of_a_hundred_is_full_however_it_is_put_together(desk):
    one, two, three = await fill(desk, 3)
    await fill(desk, 59, into=one)
    await fill(desk, 40, into=two)

    await merge(desk, two, one)  # 59, two and the 40 of two

    seen = await desk.get(f"/v1/people/{one}")
    assert len(seen["members"]) == rules.GROUP
    assert {each["merged_into_id"] for each in seen["members"]} == {str(one)}
    refused = await desk.client.post(f"/v1/people/{three}/merge", json={"into": str(one)}, headers=desk.agent)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("too_many")
    with pytest.raises(TooMany):
        await merge(desk, one, three)  # nor the other way round
    parted = await desk.client.post(f"/v1/people/{two}/unmerge", headers=desk.agent)
    assert parted.status_code == 200, parted.text
    assert [len((await desk.get(f"/v1/people/{each}"))["members"]) for each in (one, two)] == [59, 40]


async def test_posts_of_fifty_full_groups_are_found_at_once_and_of_more_they_are_not_asked_for(desk):
    groups = await fill(desk, 51)
    for each in groups[:50]:
        await fill(desk, rules.GROUP, into=each)
    await desk.post(author={"user_id": str(groups[0])})

    found = await desk.get("/v1/feedback", person=groups[:50], facets="channel")

    assert len(found["items"]) == 1
    refused = await desk.get("/v1/feedback", 422, person=groups)
    assert refused["errors"][0]["pointer"] == "/query/person"


async def test_the_first_two_hundred_ways_are_shown_over_all_whom_somebody_stands_for(desk):
    [one] = await fill(desk, 1, WAYS)
    later = desk.api.clock.now() + timedelta(hours=1)
    for at in range(3):
        await fill(desk, 80, WAYS, into=one, now=later + timedelta(hours=at), is_verified=at == 0)

    seen = await desk.get(f"/v1/people/{one}")

    assert len(seen["identities"]) == queries.SHOWN
    since = [each["since"] for each in seen["identities"]]
    assert since == sorted(since)
    assert seen["identities"][0]["person_id"] == str(one)


async def test_who_gives_an_address_that_strangers_claim_is_suggested_with_those_vouched_for_first(desk):
    await fill(desk, 60, WAYS, email="a@example.test", is_verified=False)
    vouched = await fill(desk, 7, WAYS, email="a@example.test")
    await desk.post(author={"user_id": "last", "email": "A@example.test"})
    await deliver(desk.api.db, PEOPLE, *await desk.api.events())

    found = (await desk.get("/v1/people-suggestions", limit=200))["items"]

    assert len(found) == rules.SUGGESTED
    others = [one for each in found for one in each["people"] if one["user_id"] != "last"]
    assert {UUID(one["id"]) for one in others if one["is_verified"]} == set(vouched)


async def test_an_erasure_takes_its_turn_before_it_locks_anybody_and_late_news_finds_nobody(desk):
    await desk.post(author={"user_id": "MARK", "email": "mark@example.test"})
    events = await desk.api.events()
    await deliver(desk.api.db, PEOPLE, *events)
    erasure = make_event(UserErased(erasure_id=uuid4(), user_id="MARK", user_ids=["MARK"]), workspace="acme")

    async def is_waiting():
        async with desk.api.db.transaction(ACME) as other:
            return bool(await other.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    async with desk.api.db.transaction(ACME) as session:
        await lock(session)
        erasing = asyncio.create_task(deliver(desk.api.db, ERASURES, erasure))
        await until(is_waiting, what="the erasure waits")
        [known] = await session.scalars(text("SELECT known_by FROM person FOR UPDATE NOWAIT"))
        assert known == "id:MARK"
    assert await erasing == 1

    late = [event.model_copy(update={"id": uuid4()}) for event in events]
    await deliver(desk.api.db, PEOPLE, *late)
    [left] = (await desk.get("/v1/people"))["items"]
    assert (left["user_id"], left["email"], left["name"]) == (None, None, None)
    assert (await desk.get("/v1/feedback", person=left["id"]))["items"] == []
    assert (await desk.get("/v1/people", email="mark@example.test"))["items"] == []


@pytest.fixture
async def filled(desk):
    ids = await fill(desk, MANY, WAYS, PAIRS, POSTS)
    await fill(desk, MANY, WAYS, PAIRS, POSTS, workspace="neighbour")
    async with desk.api.db.transaction(ACME) as session:
        await session.execute(text("SET LOCAL role NONE"))
        await session.execute(text("ANALYZE feedback, person, person_identity, person_suggestion"))
    return ids


async def test_somebody_their_group_and_their_ways_are_looked_up(desk, filled):
    seen = []

    def note(connection, cursor, statement, parameters, context, many):
        if statement.startswith("SELECT") and "FROM person" in statement:
            seen.append((statement, parameters))

    async with desk.api.db.transaction(ACME) as session:
        engine = session.bind.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            assert len(await queries.identities_of(session, filled[0])) == 1
            assert await queries.members_of(session, filled[0]) == []
            assert len(await queries.authors_of(session, filled[:2])) == 2
        finally:
            event.remove(engine, "before_cursor_execute", note)
        connection = await session.connection()
        plans = [await connection.exec_driver_sql(f"EXPLAIN {asked}", given) for asked, given in seen]
        found = "\n".join(line for one in plans for (line,) in one)

    assert len(seen) == 3
    assert "Seq Scan" not in found


async def plan(session, statement):
    """Return the plan of a statement as the role that serves requests runs it."""
    compiled = statement.compile(bind=session.bind.sync_engine, compile_kwargs={"literal_binds": True})
    return "\n".join(line for (line,) in await session.execute(text("EXPLAIN " + str(compiled).replace(":", "\\:"))))


async def test_posts_of_a_person_come_from_the_indexes_of_authors(desk, filled):
    async with desk.api.db.transaction(ACME) as session:
        theirs = await service.narrowed(session, Filters(), filled[:3])
        ordered = items.matching(theirs)
        found = await plan(session, ordered.limit(51))
        assert {each.id for each in await session.scalars(ordered)} == set(filled[:3])

    assert "Seq Scan" not in found


@pytest.mark.parametrize("whom", [Whom(), Whom(user_id="u1"), Whom(email="a@example.test")], ids=str)
async def test_people_are_read_from_their_indexes(desk, filled, whom):
    async with desk.api.db.transaction(ACME) as session:
        found = await plan(session, service.people("acme", whom).order_by(*service.NEWEST_FIRST).limit(51))

    assert "Seq Scan" not in found


async def test_suggestions_are_read_from_the_newest_on(desk, filled):
    async with desk.api.db.transaction(ACME) as session:
        ordered = service.suggestions("acme").order_by(*service.SUGGESTED_LAST).limit(51)
        found = await plan(session, ordered)
        assert len((await session.scalars(ordered)).all()) == 51

    assert "Seq Scan" not in found
    assert "ix_person_suggestion_open" in found
