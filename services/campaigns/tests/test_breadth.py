"""What one cause, one playbook and one workspace may set off in an hour; the excess waits for a person and is shown."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from opsloop_campaigns.budgets.rules import Budgets, HeldBy, Launched, Spent
from opsloop_common import limits
from opsloop_common.ids import uuid7

MESSAGE = {"channel": "email", "locale": "en", "subject": "s", "body": "b"}


def _playbook(people: int = 1, **fields):
    users = [f"u{n}" for n in range(people)]
    return {
        "name": "p",
        "on": "kpi.breached",
        "launch": {"name": "l", "audience": {"user_ids": users}, "messages": [MESSAGE]},
    } | fields


async def _create(world, count: int = 1, **fields) -> list[str]:
    return [(await world.ok("POST", "/v1/playbooks", _playbook(**fields)))["id"] for _ in range(count)]


async def _campaigns(world, query: str = "") -> list[dict]:
    return (await world.ok("GET", f"/v1/campaigns?limit=200&{query}"))["items"]


async def _outcomes(world, *ids: str) -> Counter[str]:
    runs = [(await world.ok("GET", f"/v1/playbooks/{id}/runs?limit=200"))["items"] for id in ids]
    return Counter(run["outcome"] for some in runs for run in some)


async def test_one_cause_launches_so_many_campaigns_and_the_rest_waits(world):
    ids = await _create(world, 12)
    event = world.breach()

    await world.hear(event)

    assert await _outcomes(world, *ids) == {"launched": 10, "held": 2}
    held = await _campaigns(world, "held_by=cause_budget&status=pending_approval")
    assert len(held) == 2
    assert {one["held_by"] for one in await _campaigns(world, "status=running")} == {None}
    assert len(await world.events("campaign.approval_requested")) == 2  # of two playbooks


async def test_the_whole_chain_counts_as_one_cause(world):
    ids = await _create(world, 6)
    post = uuid7()

    await world.hear(world.breach(causationroot=post, causationdepth=1))
    launched = await world.events("campaign.launched")
    await world.hear(world.breach(causationroot=post, causationdepth=3))
    await world.hear(world.breach())

    assert {str(event.causationroot) for event in launched} == {str(post)}
    assert await _outcomes(world, *ids) == {"launched": 16, "held": 2}
    await world.run_due()
    assert str(post) in {event.root for event in await world.requested()}


async def test_budgets_hold_when_matching_events_arrive_at_the_same_time(world):
    ids = await _create(world, 4)
    post = uuid7()

    await asyncio.gather(*(world.hear(world.breach(causationroot=post, causationdepth=1)) for _ in range(6)))

    assert await _outcomes(world, *ids) == {"launched": 10, "held": 14}


async def test_people_count_too(narrow):
    big, small = (await _create(narrow, people=40))[0], (await _create(narrow, people=10))[0]
    third = (await _create(narrow, people=1))[0]

    await narrow.hear(narrow.breach())

    assert await _outcomes(narrow, big, small) == {"launched": 2}
    assert [run["reason"] for run in (await narrow.ok("GET", f"/v1/playbooks/{third}/runs"))["items"]] == [
        "one cause has set off as much as it may in an hour: the campaign waits for approval"
    ]


async def test_a_playbook_and_a_workspace_have_budgets_of_their_own(narrow):
    first, second = await _create(narrow, 2)

    for _ in range(5):
        await narrow.hear(narrow.breach())

    runs = {id: (await narrow.ok("GET", f"/v1/playbooks/{id}/runs"))["items"] for id in (first, second)}
    held = Counter(one["held_by"] for one in await _campaigns(narrow, "status=pending_approval"))
    assert sum(run["outcome"] == "launched" for some in runs.values() for run in some) == 5
    assert held == {"playbook_budget": 2, "workspace_budget": 3} or held == {
        "playbook_budget": 3,
        "workspace_budget": 2,
    }
    said = await narrow.ok("POST", f"/v1/playbooks/{first}/test", {"data": {}})
    assert said["outcome"] == "held"
    narrow.api.clock.advance(timedelta(hours=1, seconds=1))
    await narrow.hear(narrow.breach())
    assert (await narrow.ok("POST", f"/v1/playbooks/{first}/test", {"data": {}}))["outcome"] == "launched"


async def test_held_campaigns_are_told_of_once_an_hour(narrow):
    await _create(narrow)

    for _ in range(10):
        await narrow.hear(narrow.breach())
    [told] = await narrow.events("campaign.approval_requested")
    narrow.api.clock.advance(timedelta(hours=1, seconds=1))
    for _ in range(5):
        await narrow.hear(narrow.breach())

    assert told.data["held_by"] == "playbook_budget"
    assert len(await _campaigns(narrow, "status=pending_approval")) == 9
    assert len(await narrow.events("campaign.approval_requested")) == 2


async def test_a_person_lets_what_was_held_go_or_ends_it(narrow):
    await _create(narrow)
    for _ in range(5):
        await narrow.hear(narrow.breach())
    first, second = await _campaigns(narrow, "held_by=playbook_budget&status=pending_approval")

    resumed = await narrow.put(first["id"], "approved", by=narrow.approver)
    cancelled = await narrow.put(second["id"], "cancelled")
    await narrow.run_due()

    assert (resumed.json()["status"], cancelled.json()["status"]) == ("running", "cancelled")
    assert resumed.json()["trigger"] == first["trigger"]
    assert len(await narrow.requested()) == 4
    assert await _campaigns(narrow, "status=pending_approval") == []


async def test_all_that_waits_is_cancelled_in_one_step(narrow):
    id, other = await _create(narrow, 2)
    for _ in range(6):
        await narrow.hear(narrow.breach())
    theirs = len(await _campaigns(narrow, f"status=pending_approval&playbook_id={other}"))
    mine = len(await _campaigns(narrow, f"status=pending_approval&playbook_id={id}"))
    running = await _campaigns(narrow, "status=running")

    answer = await narrow.ok("POST", f"/v1/playbooks/{id}/cancel-waiting")
    again = await narrow.ok("POST", f"/v1/playbooks/{id}/cancel-waiting")

    assert (answer["cancelled"], again["cancelled"]) == (mine, 0)
    assert len(await _campaigns(narrow, "status=pending_approval")) == theirs > 0
    assert await _campaigns(narrow, "status=running") == running
    assert len(await narrow.events("campaign.cancelled")) == mine > 0
    audited = [row["after"] for row in (await narrow.ok("GET", "/v1/audit?limit=200"))["items"] if row["after"]]
    assert audited.count({"status": "cancelled"}) == mine


async def test_only_so_many_campaigns_wait_for_a_person(world, monkeypatch):
    monkeypatch.setattr(limits, "PLAYBOOK_WAITING", 3)
    monkeypatch.setattr(limits, "WORKSPACE_WAITING", 5)
    first, second = await _create(world, 2, requires_approval=True)

    events = [world.breach() for _ in range(6)]
    await world.hear(*events)

    assert await _outcomes(world, first, second) == {"approval_requested": 5, "too_many_waiting": 7}
    for campaign in await _campaigns(world, "status=pending_approval"):
        await world.put(campaign["id"], "cancelled")
    # a refusal is no run: the incident may still launch
    refused = [
        run["event_id"]
        for run in (await world.ok("GET", f"/v1/playbooks/{first}/runs"))["items"]
        if not run["campaign_id"]
    ]
    [again] = [event for event in events if str(event.id) == refused[0]]
    await world.hear(again.model_copy(update={"id": uuid7()}))
    assert (await _outcomes(world, first, second))["approval_requested"] == 7


async def test_a_playbook_that_asks_each_time_is_never_held(narrow):
    [id] = await _create(narrow, people=60, requires_approval=True)  # more launches and people than any budget has

    for _ in range(8):
        await narrow.hear(narrow.breach())

    assert await _outcomes(narrow, id) == {"approval_requested": 8}
    waiting = await _campaigns(narrow, "status=pending_approval")
    assert [one["held_by"] for one in waiting] == [None] * 8
    answers = [await narrow.put(one["id"], "approved", by=narrow.approver) for one in waiting]
    assert {answer.json()["status"] for answer in answers} == {"approved"}


async def test_what_a_person_approves_takes_no_budget(narrow):
    [asking] = await _create(narrow, requires_approval=True)
    [sending] = await _create(narrow)
    post = uuid7()
    events = [narrow.breach(causationroot=post, causationdepth=1) for _ in range(8)]

    await narrow.call("PATCH", f"/v1/playbooks/{sending}", {"enabled": False})
    await narrow.hear(*events)
    for one in await _campaigns(narrow, "status=pending_approval"):
        await narrow.put(one["id"], "approved", by=narrow.approver)
        await narrow.put(one["id"], "running")
    await narrow.call("PATCH", f"/v1/playbooks/{sending}", {"enabled": True})
    await narrow.hear(*(narrow.breach(causationroot=post, causationdepth=1) for _ in range(4)))

    assert await _outcomes(narrow, asking) == {"approval_requested": 12}
    assert await _outcomes(narrow, sending) == {"launched": 3, "held": 1}


async def test_within_one_batch_what_asks_takes_nothing_from_what_sends(world):
    asking, sending = await _create(world, 12, requires_approval=True), await _create(world, 10)

    await world.hear(world.breach())

    assert await _outcomes(world, *asking) == {"approval_requested": 12}
    assert await _outcomes(world, *sending) == {"launched": 10}


async def test_another_workspace_has_its_own_budgets(narrow):
    await _create(narrow)
    elsewhere = await narrow.api.key(workspace="other", name="elsewhere")
    id = (await narrow.ok("POST", "/v1/playbooks", _playbook(), by=elsewhere))["id"]
    for _ in range(8):
        await narrow.hear(narrow.breach())

    await narrow.hear(narrow.breach(workspace="other"))

    runs = (await narrow.ok("GET", f"/v1/playbooks/{id}/runs", by=elsewhere))["items"]
    assert [run["outcome"] for run in runs] == ["launched"]


A, B = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("launched", "messages", "expected"),
    [
        ([], 10_000, None),
        ([], 10_001, HeldBy.CAUSE_BUDGET),
        ([Launched(A, "r", 9, 9_999)], 1, None),
        ([Launched(A, "r", 10, 10)], 1, HeldBy.CAUSE_BUDGET),
        ([Launched(B, "r", 4, 4), Launched(A, "r", 6, 6)], 1, HeldBy.CAUSE_BUDGET),
        ([Launched(B, "r", 1, 10_000)], 1, HeldBy.CAUSE_BUDGET),
        ([Launched(A, "other", 59, 59)], 1, None),
        ([Launched(A, "other", 60, 60)], 1, HeldBy.PLAYBOOK_BUDGET),
        ([Launched(A, None, 60, 60)], 1, HeldBy.PLAYBOOK_BUDGET),
        ([Launched(B, None, 60, 60)], 1, None),
        ([Launched(B, "other", 600, 600)], 1, HeldBy.WORKSPACE_BUDGET),
        ([Launched(B, "other", 1, 99_999)], 1, None),
        ([Launched(B, "other", 1, 99_999)], 2, HeldBy.WORKSPACE_BUDGET),
    ],
)
def test_the_narrowest_budget_is_named(launched, messages, expected):
    assert Spent.of(launched, {}).exceeded(Budgets(), A, "r", messages=messages) is expected


async def test_what_waits_goes_with_its_playbook(world):
    """Deleting is the first thing that people do with a playbook that floods: nothing of it may go on waiting."""
    [id] = await _create(world, requires_approval=True)
    await world.hear(world.breach())
    [waiting] = await _campaigns(world, "status=pending_approval")

    answer = await world.call("DELETE", f"/v1/playbooks/{id}")

    assert answer.status_code == 204
    assert await world.status(waiting["id"]) == "cancelled"
