"""The life of a campaign, through HTTP: every transition, approval, editing, scheduling."""

from __future__ import annotations

from datetime import timedelta

import pytest

from opsloop_campaigns.lifecycle.rules import TRANSITIONS, Status

ROUTES = {
    Status.DRAFT: (),
    Status.PENDING_APPROVAL: ("pending_approval",),
    Status.APPROVED: ("pending_approval", "approved"),
    Status.SCHEDULED: ("pending_approval", "approved", "scheduled"),
    Status.RUNNING: ("pending_approval", "approved", "running"),
    Status.PAUSED: ("pending_approval", "approved", "running", "paused"),
    Status.FINISHED: ("pending_approval", "approved", "running"),
    Status.CANCELLED: ("pending_approval", "cancelled"),
    Status.ARCHIVED: ("archived",),
}


async def _campaign_in(world, status: Status) -> str:
    start = (world.api.clock.now() + timedelta(hours=1)).isoformat()
    id = await world.draft(["u1"], schedule_at=start)
    await world.move(id, *ROUTES[status])
    if status is Status.FINISHED:
        await world.run_due()
        request = next(e for e in await world.requested() if e.data["campaign_id"] == id)
        await world.report(world.sent(request, "u1"))
    assert await world.status(id) == status
    return id


@pytest.mark.parametrize("current", list(Status))
async def test_every_transition_is_allowed_or_refused_as_the_table_says(world, current: Status):
    for wanted in Status:
        id = await _campaign_in(world, current)

        answer = await world.put(id, wanted, by=world.approver)

        after = await world.ok("GET", f"/v1/campaigns/{id}")
        assert after["allowed"] == sorted(TRANSITIONS[Status(after["status"])])
        if wanted is current or wanted in TRANSITIONS[current]:
            assert answer.status_code == 200, f"{current} -> {wanted}: {answer.text}"
            assert after["status"] == wanted
        else:
            assert answer.status_code == 409, f"{current} -> {wanted}"
            assert answer.json()["allowed"] == sorted(TRANSITIONS[current])
            assert after["status"] == current


async def test_events_tell_the_life(world):
    id = await world.launched(["u1"])
    await world.move(id, "paused", "running")
    await world.run_due()
    [request] = await world.requested()
    await world.report(world.sent(request, "u1"))

    events = await world.events()

    assert [event.type for event in events] == [
        "campaign.approval_requested",
        "campaign.approved",
        "campaign.launched",
        "campaign.paused",
        "message.changed",
        "message.changed",
        "message.requested",
        "campaign.finished",
    ]
    # what others do not get leaves them no gap
    public, internal = f"campaign/{id}", f"campaign/{id}/internal"
    assert [event.partitionkey for event in events] == [*4 * [public], *3 * [internal], public]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 1, 2, 3, 5]
    assert {event.subject for event in events} == {public}
    launched, finished = events[2], events[7]
    assert launched.data == {"campaign_id": id, "name": "Sorry", "trigger": None, "audience_size": 1}
    assert launched.actor.startswith("key:")
    assert request.actor == "system"
    assert request.correlationid == launched.correlationid
    assert finished.data["sent"] == 1
    assert finished.data["failed"] == 0


async def test_nobody_approves_what_they_wrote(world):
    id = await world.draft()
    await world.move(id, "pending_approval")

    refused = await world.put(id, "approved", by=world.author)
    approved = await world.put(id, "approved", by=world.approver)

    assert refused.status_code == 409
    assert refused.json()["type"].endswith("self_approval")
    assert approved.json()["approved_by"] != approved.json()["author"]
    assert approved.json()["approved_at"]


async def test_an_editor_is_an_author_too(world):
    id = await world.draft()
    await world.move(id, "pending_approval")
    await world.ok("PATCH", f"/v1/campaigns/{id}", {"messages": [world.EN]}, by=world.approver)

    assert (await world.put(id, "approved", by=world.approver)).status_code == 409
    third = await world.api.key("campaigns:write", name="third")
    assert (await world.put(id, "approved", by=third)).status_code == 204


async def test_a_workspace_may_allow_self_approval(world):
    await world.ok("PATCH", "/v1/workspace", {"allow_self_approval": True})
    id = await world.draft()
    await world.move(id, "pending_approval")

    assert (await world.put(id, "approved", by=world.author)).status_code == 200


@pytest.mark.parametrize("status", ["approved", "scheduled"])
async def test_a_change_of_content_takes_the_approval_back(world, status: str):
    start = world.api.clock.now() + timedelta(hours=1)
    id = await world.draft(schedule_at=start.isoformat())
    await world.move(id, *ROUTES[Status(status)])

    renamed = await world.ok("PATCH", f"/v1/campaigns/{id}", {"name": "Still sorry"})
    edited = await world.ok("PATCH", f"/v1/campaigns/{id}", {"audience": {"user_ids": ["u9"]}})

    assert renamed["status"] == status
    assert (edited["status"], edited["approved_by"], edited["audience_size"]) == ("pending_approval", None, 1)
    assert len(await world.events("campaign.approval_requested")) == 2
    world.api.clock.advance(timedelta(hours=2))
    await world.run_due()
    assert await world.status(id) == "pending_approval"


async def test_an_emptied_campaign_falls_back_to_draft(world):
    id = await world.draft()
    await world.move(id, "pending_approval", "approved")

    assert (await world.ok("PATCH", f"/v1/campaigns/{id}", {"messages": []}))["status"] == "draft"
    refused = await world.put(id, "pending_approval")

    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/messages"]


async def test_what_has_begun_is_not_edited(world):
    id = await world.launched()

    refused = await world.call("PATCH", f"/v1/campaigns/{id}", {"messages": [world.ZH]})

    assert refused.status_code == 409
    assert (await world.call("DELETE", f"/v1/campaigns/{id}")).status_code == 409


async def test_a_scheduled_campaign_starts_when_its_time_has_come(world):
    start = world.api.clock.now() + timedelta(hours=1)
    id = await world.draft(schedule_at=start.isoformat())
    await world.move(id, "pending_approval", "approved", "scheduled")

    await world.run_due()
    assert await world.status(id) == "scheduled"
    world.api.clock.advance(timedelta(hours=1))
    await world.run_due()

    campaign = await world.ok("GET", f"/v1/campaigns/{id}")
    assert campaign["status"] == "running"
    assert campaign["started_at"] == "2026-11-22T09:00:00Z"
    [launched] = await world.events("campaign.launched")
    assert launched.actor == "system"
    assert len(await world.requested()) == 1


async def test_a_moved_start_holds_and_a_withdrawn_one_does_not(world):
    now = world.api.clock.now()
    moved = await world.draft(schedule_at=(now + timedelta(hours=1)).isoformat())
    withdrawn = await world.draft(schedule_at=(now + timedelta(hours=1)).isoformat())
    early = await world.draft(schedule_at=(now + timedelta(hours=1)).isoformat())
    for id in (moved, withdrawn, early):
        await world.move(id, "pending_approval", "approved", "scheduled")

    later = (now + timedelta(hours=3)).isoformat()
    assert (await world.ok("PATCH", f"/v1/campaigns/{moved}", {"schedule_at": later}))["status"] == "scheduled"
    await world.put(withdrawn, "approved")
    await world.put(early, "running")
    world.api.clock.advance(timedelta(hours=2))
    await world.run_due()

    assert [await world.status(id) for id in (moved, withdrawn, early)] == ["scheduled", "approved", "running"]
    assert len(await world.events("campaign.launched")) == 1
    world.api.clock.advance(timedelta(hours=2))
    await world.run_due()
    assert await world.status(moved) == "running"


@pytest.mark.parametrize("schedule_at", [None, "2026-11-22T07:59:59Z", "2026-11-22T08:00:00Z"])
async def test_a_start_must_lie_ahead(world, schedule_at: str | None):
    id = await world.draft(schedule_at=schedule_at)
    await world.move(id, "pending_approval", "approved")

    refused = await world.put(id, "scheduled")

    assert refused.status_code == 409
    assert refused.json()["errors"][0]["pointer"] == "/schedule_at"


async def test_a_scheduled_campaign_keeps_a_start(world):
    id = await world.draft(schedule_at="2026-11-22T09:00:00Z")
    await world.move(id, "pending_approval", "approved", "scheduled")

    assert (await world.call("PATCH", f"/v1/campaigns/{id}", {"schedule_at": None})).status_code == 409


async def test_a_status_is_refused_to_who_saw_another_version(world):
    id = await world.draft()
    seen = (await world.call("GET", f"/v1/campaigns/{id}")).headers["etag"]
    await world.ok("PATCH", f"/v1/campaigns/{id}", {"name": "Changed meanwhile"})

    stale = await world.put(id, "pending_approval", If_Match=seen)
    fresh = await world.put(id, "pending_approval", If_Match='"2"')

    assert stale.status_code == 412
    assert fresh.status_code == 200
    assert fresh.headers["etag"] == '"3"'


async def test_every_change_is_audited(world):
    id = await world.draft()
    await world.ok("PATCH", f"/v1/campaigns/{id}", {"name": "Sorry again", "audience": {"user_ids": ["u7"]}})
    await world.ok("PUT", f"/v1/campaigns/{id}/status", {"status": "pending_approval", "reason": "please look"})
    await world.move(id, "approved")

    rows = (await world.ok("GET", "/v1/audit"))["items"]

    rows = [row for row in rows if row["subject"] == f"campaign/{id}"]
    assert [row["action"] for row in rows] == [
        "campaign.status_changed",
        "campaign.status_changed",
        "campaign.updated",
        "campaign.created",
    ]
    assert rows[1]["after"] == {"status": "pending_approval", "reason": "please look"}
    assert rows[2]["before"]["name"] == "Sorry"
    assert rows[2]["after"]["audience_size"] == 1
    assert rows[0]["actor"] != rows[1]["actor"]
