"""From launch to the last outcome: chunks, holding, ending."""

from __future__ import annotations

import asyncio
from collections import Counter

from sqlalchemy import text

from opsloop_campaigns.sending.consumers import on_reports
from opsloop_common.db import Context

CROWD = [f"用户{n:05}" if n % 3 else f"user-{n:05}" for n in range(1_200)]


def _told(requests) -> Counter[str]:
    return Counter(user_id for request in requests for user_id in request.data["user_ids"])


async def test_everybody_is_requested_once_in_chunks(world):
    id = await world.launched(CROWD + CROWD[:7])

    await world.run_due()

    requests = await world.requested()
    assert [len(request.data["user_ids"]) for request in requests] == [500, 500, 200]
    assert _told(requests) == Counter(CROWD)
    assert len({request.data["message_id"] for request in requests}) == 1
    assert [content["locale"] for content in requests[0].data["contents"]] == ["en", "zh-CN"]
    results = await world.results(id)
    assert results["audience_size"] == 1_200
    assert results["by_status"]["requested"] == 1_200


async def test_a_repeated_chunk_repeats_nobody(world):
    id = await world.launched(CROWD)

    for _ in range(5):
        await world.run_chunk(id)
    await world.run_due()

    assert _told(await world.requested()) == Counter(CROWD)


async def test_chunks_at_the_same_time_repeat_nobody(world):
    id = await world.launched(CROWD)

    await asyncio.gather(*(world.run_chunk(id) for _ in range(5)))

    assert _told(await world.requested()) == Counter(CROWD)


async def test_a_paused_campaign_holds_the_rest_and_goes_on(world):
    id = await world.launched(CROWD)
    await world.run_chunk(id)
    await world.move(id, "paused")

    await world.run_due()
    await world.run_chunk(id)
    held = await world.results(id)
    await world.move(id, "running")
    await world.run_due()

    assert (held["by_status"]["pending"], held["by_status"]["requested"]) == (700, 500)
    assert _told(await world.requested()) == Counter(CROWD)
    assert len(await world.events("campaign.launched")) == 1


async def test_a_cancelled_campaign_tells_nobody_more(world):
    id = await world.launched(CROWD)
    await world.run_chunk(id)
    await world.move(id, "cancelled")

    await world.run_due()
    [request] = await world.requested()
    await world.report(*(world.sent(request, user_id) for user_id in request.data["user_ids"]))

    results = await world.results(id)
    assert results["by_status"] | {"skipped": 0} == {
        "pending": 0,
        "requested": 0,
        "sent": 500,
        "failed": 0,
        "skipped": 0,
        "cancelled": 700,
    }
    assert results["by_reason"] == {"campaign_cancelled": 700}
    assert results["status"] == "cancelled"
    assert await world.events("campaign.finished") == []


async def test_a_campaign_cancelled_before_its_launch_adds_up(world):
    id = await world.draft(CROWD)
    await world.move(id, "pending_approval", "cancelled")

    results = await world.results(id)

    assert results["by_status"]["cancelled"] == results["audience_size"] == 1_200


async def test_finished_only_when_everybody_has_an_outcome(world):
    id = await world.launched(["u1", "u2", "u3"])
    await world.run_due()
    [request] = await world.requested()

    await world.report(world.sent(request, "u1"), world.failed(request, "u3"))
    assert await world.status(id) == "running"
    await world.report(world.failed(request, "u2", "rejected"))

    results = await world.results(id)
    assert results["status"] == "finished"
    assert (results["by_status"]["sent"], results["by_status"]["failed"]) == (1, 2)
    assert results["by_reason"] == {"no_address": 1, "rejected": 1}
    assert results["finished_at"] == "2026-11-22T08:00:00Z"
    [finished] = await world.events("campaign.finished")
    assert (finished.data["sent"], finished.data["failed"]) == (1, 2)
    recipients = (await world.ok("GET", f"/v1/campaigns/{id}/recipients"))["items"]
    assert [(r["user_id"], r["status"], r["reason"]) for r in recipients] == [
        ("u1", "sent", None),
        ("u2", "failed", "rejected"),
        ("u3", "failed", "no_address"),
    ]
    assert {r["message_id"] for r in recipients} == {request.data["message_id"]}


async def _somebody_waits_for_a_lock(world) -> None:
    async with asyncio.timeout(10), world.api.db.autocommit() as connection:
        while not (await connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)


async def test_the_last_outcomes_at_the_same_time_finish_once(world):
    id = await world.launched(["u1", "u2"])
    await world.run_due()
    [request] = await world.requested()

    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await on_reports(session, [world.sent(request, "u1")])
        # neither sees the other's outcome, so without the lock neither would finish the campaign
        other = asyncio.create_task(world.report(world.sent(request, "u2")))
        await _somebody_waits_for_a_lock(world)
    await other

    assert await world.status(id) == "finished"
    assert len(await world.events("campaign.finished")) == 1


async def test_a_campaign_paused_after_its_last_request_still_finishes(world):
    id = await world.launched(["u1"])
    await world.run_due()
    await world.move(id, "paused")
    [request] = await world.requested()

    await world.report(world.sent(request, "u1"))

    assert await world.status(id) == "finished"


async def test_what_waits_of_what_was_asked_for_is_held_goes_on_and_is_taken_back(world):
    id = await world.launched(CROWD)
    await world.run_chunk(id)
    for status in ("paused", "running", "paused", "cancelled"):
        await world.move(id, status)

    told = await world.events("message.changed")
    [request] = await world.requested()
    results = await world.results(id)

    assert [event.data["state"] for event in told] == ["paused", "going", "paused", "cancelled"]
    assert {(event.partitionkey, event.data["message_id"]) for event in told} == {
        (request.partitionkey, request.data["message_id"])
    }
    assert [request.sequence, *(event.sequence for event in told)] == [1, 2, 3, 4, 5]
    assert results["by_status"]["cancelled"] == results["audience_size"]


async def test_what_was_on_its_way_when_its_campaign_was_cancelled_counts_as_what_it_became(world):
    id = await world.launched(["u1", "u2", "u3"])
    await world.run_due()
    [request] = await world.requested()
    await world.move(id, "cancelled")

    await world.report(world.sent(request, "u1"), world.failed(request, "u2", "rejected"))

    results = await world.results(id)
    counted = {status: results["by_status"][status] for status in ("requested", "sent", "failed", "cancelled")}
    assert counted == {"requested": 0, "sent": 1, "failed": 1, "cancelled": 1}
