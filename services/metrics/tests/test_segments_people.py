"""Members who turn out to be others, get a name, are erased: the living stays, and of who is gone nothing is said."""

from __future__ import annotations

from collections import Counter
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context, ports_of
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.cohorts import rules as cohorts
from opsloop_metrics.cohorts.service import Evaluation
from opsloop_metrics.monitors.consumers import EVENTS
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.segments import service
from opsloop_metrics.segments.consumers import ERASURES
from services.metrics.tests.analyst import did, is_known
from services.metrics.tests.segmenting import Marketer, event

ENTERED, LEFT = "segment.entered", "segment.left"
NOBODY: list[str] = []


@pytest.fixture
def marketer(world_with_store):
    found = Marketer(world_with_store)
    found.at("10T12:00")
    return found


async def erase(marketer, user_id):
    """Erase somebody, and let everybody hear of it."""
    answer = await marketer.world.send("DELETE", f"/v1/users/{user_id}")
    assert answer.status_code == 202, answer.text
    await marketer.world.tick()
    [*_, told] = await marketer.world.told("user.erased")
    await deliver(marketer.world.api.db, ERASURES, told)


@pytest.mark.parametrize("people", [20_000, 1])
async def test_who_turns_out_to_be_another_is_in_it_once_as_the_living(marketer, monkeypatch, people):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", people)
    await marketer.tell(
        did("", "buy", "08", anonymousId="a1", userId=None), did("u1", "look", "09"), did("u2", "buy", "09")
    )
    segment = await marketer.segment(event("buy"))
    assert await marketer.members(segment, fresh=False) == ["a1", "u2"]

    await marketer.tell(is_known("u1", "10T12:30", anonymous="a1"))
    marketer.at("10T13:00")

    assert await marketer.members(segment) == ["u1", "u2"]
    found = (await marketer.world.get(f"/v1/segments/{segment}/members"))["items"]
    assert {each["entered_at"] for each in found} == {"2026-03-10T12:00:00Z"}
    assert Counter(type for type, _ in await marketer.told())[LEFT] == 0
    marketer.at("10T14:00")
    assert await marketer.members(segment) == ["u1", "u2"]


async def test_two_members_who_are_one_are_one_member(marketer):
    await marketer.tell(did("", "buy", "08", anonymousId="a1", userId=None), did("u1", "buy", "09"))
    segment = await marketer.segment(event("buy"))
    assert await marketer.members(segment, fresh=False) == ["a1", "u1"]

    await marketer.tell(is_known("u1", "10T12:30", anonymous="a1"))
    marketer.at("10T13:00")

    assert await marketer.members(segment) == ["u1"]
    assert (await marketer.world.get(f"/v1/segments/{segment}"))["size"] == 1


async def test_who_gets_a_name_is_called_by_it(marketer):
    await marketer.tell(did("", "buy", "08", anonymousId="a1", userId=None))
    segment = await marketer.segment(event("buy"))
    await marketer.tell(is_known("u1", "10T12:30", anonymous="a1"))
    marketer.at("10T13:00")

    assert await marketer.members(segment) == ["u1"]
    assert await marketer.told() == [(ENTERED, ["a1"])]


async def test_who_was_on_a_list_before_anybody_saw_them_is_on_it_as_who_they_are(marketer):
    friends = await marketer.listed("crm-7")
    await marketer.tell(did("u1", "buy", "09"), is_known("u1", "10T11:00", anonymous="crm-7"))
    marketer.at("10T13:00")

    assert await marketer.members(friends) == ["u1"]
    assert await marketer.preview({"type": "segment", "segment_id": friends}) == ["u1"]


async def test_who_is_erased_is_gone_and_nobody_is_told_that_they_left(marketer):
    await marketer.tell(did("u1", "buy", "09"), did("u2", "buy", "09"))
    segment = await marketer.segment(event("buy"), rest={"exclude": {"user_ids": ["u1", "x"]}})
    everybody = await marketer.segment(event("buy"), name="all")
    friends = await marketer.listed("u1", "u2", name="friends")
    told = len(await marketer.told())

    await erase(marketer, "u1")

    for each in (everybody, friends):
        assert await marketer.members(each, fresh=False) == ["u2"]
        assert (await marketer.world.get(f"/v1/segments/{each}"))["size"] == 1
    marketer.at("10T13:00")
    assert await marketer.members(everybody) == await marketer.members(segment) == ["u2"]
    shown = await marketer.world.get(f"/v1/segments/{segment}")
    assert shown["definition"]["exclude"]["user_ids"] == ["x"]
    # what is told of before says nothing of them any more, and nothing was told since
    assert len(await marketer.told()) == told
    assert all("u1" not in some for _, some in await marketer.told())


async def test_who_is_erased_between_asking_and_writing_does_not_come_in(marketer):
    await marketer.tell(did("u1", "buy", "09"), did("u2", "buy", "09"))
    body = {"name": "s", "kind": "dynamic", "definition": {"conditions": [event("buy")]}}
    segment = (await marketer.world.post("/v1/segments", body))["id"]
    db = marketer.world.api.db
    async with db.transaction(Context("acme")) as session:
        step = await service.begin(session, UUID(segment))
    wanted = await Evaluation(ports_of(db, MetricsPorts).store).members(step.definition, step.known)
    assert len(wanted) == 2
    answer = await marketer.world.send("DELETE", "/v1/users/u1")
    assert answer.status_code == 202

    async with db.transaction(Context("acme")) as session:
        assert await service.apply(session, step, wanted)

    assert await marketer.told() == [(ENTERED, ["u2"])]


async def test_somebody_who_is_only_on_a_list_can_be_erased_and_does_not_come_back(marketer):
    friends = await marketer.listed("only here", "u2")

    await erase(marketer, "only%20here")

    assert await marketer.members(friends, fresh=False) == ["u2"]
    assert await marketer.put(friends, "only here", "u3") == {"changed": 1, "unchanged": 0, "erased": 1}
    assert await marketer.members(friends) == ["u2", "u3"]


async def test_erasures_of_another_workspace_and_of_nobody_change_nothing(marketer):
    friends = await marketer.listed("u1")
    for workspace, user in (("other", "u1"), ("acme", "u9")):
        data = UserErased(erasure_id=uuid4(), user_id=user, user_ids=[user])
        for _ in range(2):
            await deliver(
                marketer.world.api.db, ERASURES, make_event(data, time=marketer.world.now, workspace=workspace)
            )

    assert await marketer.members(friends) == ["u1"]


async def test_what_is_kept_of_these_events_names_nobody(marketer):
    await marketer.tell(did("u1", "buy", "09"))
    await marketer.segment(event("buy"))
    [told] = await marketer.world.told(ENTERED)

    await deliver(marketer.world.api.db, EVENTS, told)

    async with marketer.world.api.db.transaction(Context("acme")) as session:
        [data] = await session.scalars(text("SELECT data FROM domain_event WHERE type = 'segment.entered'"))
    assert (data["user_ids"], data["name"]) == ([], "s")


async def test_the_members_of_a_segment_that_was_thrown_away_go_little_by_little(marketer, monkeypatch):
    monkeypatch.setattr(service, "FORGET_BATCH", 2)
    friends = await marketer.listed(*(f"u{number}" for number in range(5)))
    told = len(await marketer.told())

    assert (await marketer.world.send("DELETE", f"/v1/segments/{friends}")).status_code == 204
    await marketer.world.tick()

    async with marketer.world.api.db.transaction(Context("acme")) as session:
        assert await session.scalar(text("SELECT count(*) FROM segment_member")) == 0
    assert len(await marketer.told()) == told
