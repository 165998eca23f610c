"""How segments are kept up to date: bucket by bucket, each once, with what is told of it; merges, erasures, segments of segments."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import text

from opsloop_common.db import Context, ports_of
from opsloop_common.due import jobs
from opsloop_common.testing.due import run_due
from opsloop_common.versions import ANY_VERSION
from opsloop_metrics.app import SERVICE
from opsloop_metrics.cohorts import rules as cohorts
from opsloop_metrics.cohorts.service import Evaluation
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.segments import service
from opsloop_metrics.store.port import StoreUnavailable, TooHeavy
from services.metrics.tests.analyst import did
from services.metrics.tests.segmenting import Marketer, event

LOOKED = {"match": "all", "conditions": [event("look", where=[])]}
ENTERED, LEFT = "segment.entered", "segment.left"
NOBODY: list[str] = []


@pytest.fixture
def marketer(world_with_store):
    found = Marketer(world_with_store)
    found.at("10T12:00")
    return found


async def steps(marketer, segment, count):
    """Do so many buckets of a refresh by hand; returns whether there was a step each time."""
    db = marketer.world.api.db
    store = ports_of(db, MetricsPorts).store
    done = []
    for _ in range(count):
        async with db.transaction(Context("acme")) as session:
            step = await service.begin(session, UUID(segment))
        if step is None:
            return [*done, False]
        found = await Evaluation(store).members(step.definition, step.known) if step.definition else set()
        async with db.transaction(Context("acme")) as session:
            done.append(await service.apply(session, step, found))
    return done


async def state(marketer, segment):
    query = text("SELECT as_of, bucket, buckets, is_stale FROM segment WHERE id = :id")
    async with marketer.world.api.db.transaction(Context("acme")) as session:
        return tuple((await session.execute(query, {"id": UUID(segment)})).one())


async def test_people_come_and_go_in_many_buckets_each_told_once(marketer, monkeypatch):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 4)
    names = [f"u{number:02}" for number in range(40)]
    await marketer.tell(*(did(name, "buy", "09") for name in names), *(did(f"x{n}", "look", "09") for n in range(10)))

    segment = await marketer.segment(event("buy", within="P30D"))

    assert cohorts.buckets_for(50) == 16
    assert await marketer.members(segment) == names
    told = await marketer.told()
    assert {type for type, _ in told} == {ENTERED}
    assert len(told) <= 16
    assert Counter(name for _, some in told for name in some) == Counter(names)
    marketer.at("04-20")
    assert await marketer.members(segment) == NOBODY
    left = (await marketer.told())[len(told) :]
    assert Counter(name for _, some in left for name in some) == Counter(names)
    assert {type for type, _ in left} == {LEFT}


async def test_what_is_told_carries_the_segment_and_the_instant(marketer):
    await marketer.tell(did("用户一", "buy", "09"))
    segment = await marketer.segment(event("buy"), name="买家")

    [told] = await marketer.world.told(ENTERED)

    assert told.data == {
        "segment_id": segment, "name": "买家", "user_ids": ["用户一"], "as_of": "2026-03-10T12:00:00Z",
    }  # fmt: skip
    assert told.subject == told.partitionkey == f"segment/{segment}"
    shown = await marketer.world.get(f"/v1/segments/{segment}")
    assert (shown["size"], shown["refreshed_at"], shown["job_id"]) == (1, "2026-03-10T12:00:00Z", None)


async def test_nobody_is_told_twice_when_nothing_changes(marketer):
    await marketer.tell(did("u1", "buy", "09"))
    segment = await marketer.segment(event("buy"))

    for hour in (13, 14, 15):
        marketer.at(f"10T{hour}:00")
        assert await marketer.members(segment) == ["u1"]

    assert await marketer.told() == [(ENTERED, ["u1"])]


async def test_since_when_somebody_is_in_it_stays(marketer):
    await marketer.tell(did("u1", "buy", "09"))
    segment = await marketer.segment(event("buy"))
    await marketer.tell(did("u2", "buy", "10T12:30"))
    marketer.at("10T13:00")
    await marketer.refreshed()

    found = (await marketer.world.get(f"/v1/segments/{segment}/members"))["items"]

    assert [(each["user_id"], each["entered_at"]) for each in found] == [
        ("u1", "2026-03-10T12:00:00Z"), ("u2", "2026-03-10T13:00:00Z"),
    ]  # fmt: skip


async def test_a_step_that_another_has_done_changes_nothing(marketer, monkeypatch):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 4)
    await marketer.tell(*(did(f"u{number}", "buy", "09") for number in range(12)))
    segment = await marketer.segment(event("buy"))
    db = marketer.world.api.db
    marketer.at("04-20")
    await marketer.world.send("POST", f"/v1/segments/{segment}/refresh")
    async with db.transaction(Context("acme")) as session:
        first = await service.begin(session, UUID(segment))
    async with db.transaction(Context("acme")) as session:
        second = await service.begin(session, UUID(segment))
    assert (first.number, first.as_of, first.count) == (second.number, second.as_of, second.count)

    outcomes = []
    for step in (first, second):
        async with db.transaction(Context("acme")) as session:
            outcomes.append(await service.apply(session, step, ()))

    assert outcomes == [True, False]
    assert await steps(marketer, segment, 9) == [True, True, True, False]
    marketer.at("04-21")
    assert len(await marketer.members(segment)) == 12  # those who were written out by hand came back
    assert Counter(type for type, _ in await marketer.told())[LEFT] == 1


async def test_two_at_once_do_each_bucket_once(marketer, monkeypatch):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 4)
    names = [f"u{number:02}" for number in range(30)]
    await marketer.tell(*(did(name, "buy", "09") for name in names))
    made = await marketer.world.post(
        "/v1/segments", {"name": "s", "kind": "dynamic", "definition": {"conditions": [event("buy")]}}
    )

    await asyncio.gather(*(steps(marketer, made["id"], 40) for _ in range(3)))

    assert Counter(name for _, some in await marketer.told() for name in some) == Counter(names)


async def test_another_definition_begins_anew_and_is_refreshed_at_once(marketer, monkeypatch):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 1)
    await marketer.tell(did("u1", "buy", "09"), did("u2", "look", "09"), did("u3", "buy", "09"))
    segment = await marketer.segment(event("buy"))
    await marketer.world.send("POST", f"/v1/segments/{segment}/refresh")
    assert await steps(marketer, segment, 1) == [True]
    assert (await state(marketer, segment))[1:3] == (1, 4)

    changed = {"definition": {"conditions": [event("look")]}}
    answer = await marketer.world.send("PATCH", f"/v1/segments/{segment}", json=changed)
    assert (answer.status_code, answer.json()["job_id"] is None) == (200, False)
    assert await state(marketer, segment) == (None, 0, None, True)
    await marketer.world.tick()

    assert await marketer.members(segment, fresh=False) == ["u2"]
    assert sorted(name for type, some in await marketer.told() if type == LEFT for name in some) == ["u1", "u3"]


async def test_a_refresh_goes_on_with_the_instant_at_which_it_began(marketer, monkeypatch):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 1)
    await marketer.tell(*(did(f"u{number}", "buy", "09") for number in range(8)))
    segment = await marketer.segment(event("buy", within="P30D"))
    await marketer.world.send("POST", f"/v1/segments/{segment}/refresh")
    assert await steps(marketer, segment, 2) == [True, True]

    marketer.at("04-20")  # by now nobody would be in it
    assert await steps(marketer, segment, 6) == [True] * 6

    assert len(await marketer.members(segment, fresh=False)) == 8
    assert (await marketer.world.get(f"/v1/segments/{segment}"))["refreshed_at"] == "2026-03-10T12:00:00Z"
    assert await marketer.members(segment) == NOBODY


@pytest.fixture
def applied(monkeypatch):
    """Note the segment and the number of each bucket that is written."""
    apply, found = service.apply, list[tuple[str, int]]()

    async def noting(session, step, wanted):
        found.append((str(step.segment_id), step.number))
        return await apply(session, step, wanted)

    monkeypatch.setattr(service, "apply", noting)
    return found


async def test_a_refresh_gives_way_before_it_asks_again_and_goes_on_where_it_stood(marketer, monkeypatch, applied):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 1)
    monkeypatch.setattr(cohorts, "BUCKETS_ASKED", 2)
    monkeypatch.setattr(jobs, "TURN_SECONDS", -1.0)
    refresh, turns = service.refresh, Counter[str]()

    async def counting(run, segment_id, **more):
        turns[str(segment_id)] += 1
        await refresh(run, segment_id, **more)

    monkeypatch.setattr(service, "refresh", counting)
    names = [f"u{number}" for number in range(8)]
    await marketer.tell(*(did(name, "buy", "09") for name in names))

    segment = await marketer.segment(event("buy"))

    assert await marketer.members(segment, fresh=False) == names
    assert applied == [(segment, number) for number in range(8)]
    assert turns[segment] == 5  # two buckets each, and one that finds nothing left to do
    assert Counter(name for _, some in await marketer.told() for name in some) == Counter(names)


async def test_a_round_that_gives_way_refreshes_each_segment_once(marketer, monkeypatch, applied):
    await marketer.tell(did("u1", "buy", "09"))
    segments = [await marketer.segment(event("buy"), name=f"s{number}") for number in range(3)]
    monkeypatch.setattr(jobs, "TURN_SECONDS", -1.0)
    marketer.at("10T13:00")
    applied.clear()

    await marketer.refreshed()

    assert sorted(applied) == sorted((segment, 0) for segment in segments)


async def test_what_was_asked_for_another_definition_is_not_written(marketer, monkeypatch, applied):
    """In the same run, and within the millisecond: the clock stands still."""
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 1)
    await marketer.tell(*(did(f"u{n}", "buy", "09") for n in range(4)), *(did(f"v{n}", "look", "09") for n in range(4)))
    change, apply = service.change_segment, service.apply

    async def changing(session, step, wanted):
        done = await apply(session, step, wanted)
        if len(applied) == 3:
            changes = {"definition": {**LOOKED, "exclude": {"segment_ids": [], "user_ids": []}}}
            await change(session, step.segment_id, changes, expected=ANY_VERSION)
        return done

    monkeypatch.setattr(service, "apply", changing)

    segment = await marketer.segment(event("buy"))

    assert await marketer.members(segment, fresh=False) == ["v0", "v1", "v2", "v3"]
    assert [number for _, number in applied] == [0, 1, 2, *range(8)]


async def test_the_job_tells_how_far_it_is_and_is_the_one_at_work(marketer, monkeypatch):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 1)
    await marketer.tell(*(did(f"u{number}", "buy", "09") for number in range(5)))
    segment = await marketer.segment(event("buy"))

    first, again = [await marketer.world.post(f"/v1/segments/{segment}/refresh", None, 202) for _ in range(2)]
    assert first == again
    assert (await marketer.world.get(f"/v1/segments/{segment}"))["job_id"] == first["job_id"]
    await marketer.world.tick()

    job = await marketer.world.get(f"/v1/jobs/{first['job_id']}")
    assert (job["status"], job["done"], job["total"]) == ("succeeded", 8, 8)
    later = await marketer.world.post(f"/v1/segments/{segment}/refresh", None, 202)
    assert later != first


async def test_a_refresh_can_be_stopped(marketer):
    await marketer.tell(did("u1", "buy", "09"))
    made = await marketer.world.post(
        "/v1/segments", {"name": "s", "kind": "dynamic", "definition": {"conditions": [event("buy")]}}
    )

    at = f"/v1/segments/{made['id']}"
    shown = await marketer.world.post(f"{at}/refresh/cancel", None, 200)
    await marketer.world.tick()

    assert (shown["job_id"], shown["refreshed_at"]) == (None, None)
    assert (await marketer.world.get(f"/v1/jobs/{made['job_id']}"))["status"] == "cancelled"
    assert await marketer.members(made["id"], fresh=False) == NOBODY
    await marketer.world.post(f"{at}/refresh/cancel", None, 409)
    assert await marketer.members(made["id"]) == ["u1"]  # its turn comes all the same


async def test_a_definition_that_is_too_heavy_says_so_and_the_others_are_refreshed(marketer, monkeypatch):
    await marketer.tell(did("u1", "buy", "09"))
    heavy = await marketer.segment(event("heavy"), name="heavy")
    light = await marketer.segment(event("buy"), name="light")
    members = Evaluation.members

    async def refuse(self, definition, known):
        if definition.leaves(cohorts.Did)[0].wanted.event == "heavy":
            raise TooHeavy("The query took more than 60 s.")
        return await members(self, definition, known)

    monkeypatch.setattr(Evaluation, "members", refuse)
    await marketer.tell(did("u2", "buy", "10T12:30"))
    marketer.at("10T13:00")

    assert await marketer.members(light) == ["u1", "u2"]
    shown = await marketer.world.get(f"/v1/segments/{heavy}")
    assert (shown["error"], shown["refreshed_at"]) == ("The query took more than 60 s.", "2026-03-10T12:00:00Z")
    monkeypatch.setattr(Evaluation, "members", members)
    marketer.at("10T14:00")
    await marketer.refreshed()
    assert (await marketer.world.get(f"/v1/segments/{heavy}"))["error"] is None


async def test_a_store_that_is_away_costs_nobody_a_refresh(marketer, monkeypatch):
    await marketer.tell(did("u1", "buy", "09"))
    members = Evaluation.members

    async def away(*_):
        raise StoreUnavailable("away")

    monkeypatch.setattr(Evaluation, "members", away)
    body = {"name": "s", "kind": "dynamic", "definition": {"conditions": [event("buy")]}}
    segment = (await marketer.world.post("/v1/segments", body))["id"]
    await run_due(marketer.world.api.db, SERVICE.due, raising=False)
    monkeypatch.setattr(Evaluation, "members", members)
    await marketer.world.to_next_try()
    await marketer.world.tick(600)

    assert await marketer.members(segment, fresh=False) == ["u1"]


# Segments of segments


async def test_those_that_ask_for_a_segment_follow_it_in_the_same_turn(marketer):
    await marketer.tell(did("u1", "buy", "09"), did("u2", "look", "09"))
    first = await marketer.segment(event("buy"), name="first")
    second = await marketer.segment({"type": "segment", "segment_id": first}, name="second")
    third = await marketer.segment({"type": "segment", "segment_id": second, "is_member": False}, name="third")
    assert [await marketer.members(each, fresh=False) for each in (second, third)] == [["u1"], ["u2"]]

    await marketer.tell(did("u2", "buy", "10T12:30"))
    marketer.at("10T13:00")
    await marketer.world.post(f"/v1/segments/{first}/refresh", None, 202)
    await marketer.world.tick()

    found = [await marketer.members(each, fresh=False) for each in (first, second, third)]
    assert found == [["u1", "u2"], ["u1", "u2"], NOBODY]


async def test_those_that_ask_for_a_list_follow_it_at_once(marketer):
    await marketer.tell(did("u1", "buy", "09"), did("u2", "buy", "09"))
    friends = await marketer.listed()
    others = await marketer.segment(event("buy"), rest={"exclude": {"segment_ids": [friends]}})
    assert await marketer.members(others, fresh=False) == ["u1", "u2"]

    await marketer.put(friends, "u1")
    assert await marketer.members(others, fresh=False) == ["u2"]
    await marketer.take(friends, "u1")
    assert await marketer.members(others, fresh=False) == ["u1", "u2"]
