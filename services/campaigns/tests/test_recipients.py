"""What is written down of each person: reports twice, late and strange, and how many are on their way."""

from __future__ import annotations

from collections import Counter
from uuid import UUID, uuid4

from opsloop_campaigns.recipients.rules import IN_FLIGHT
from opsloop_common.contracts.notifications import NotificationSent
from opsloop_common.testing.events import make_event

CROWD = [f"用户{n:05}" if n % 3 else f"user-{n:05}" for n in range(1_200)]


def _told(requests) -> Counter[str]:
    return Counter(user_id for request in requests for user_id in request.data["user_ids"])


async def test_reports_come_twice_late_and_in_any_order(world):
    id = await world.launched(["u1", "u2"])
    await world.run_due()
    [request] = await world.requested()
    first, second = world.failed(request, "u1"), world.sent(request, "u1")

    assert await world.report(first, first) == 1
    assert await world.report(first) == 0
    await world.report(second)
    await world.report(world.failed(request, "u1", "rejected"))

    results = await world.results(id)
    assert (results["by_status"]["sent"], results["by_status"]["failed"]) == (1, 0)
    assert results["by_status"]["requested"] == 1


async def test_contradicting_reports_in_one_batch_count_once(world):
    id = await world.launched(["u1"])
    await world.run_due()
    [request] = await world.requested()

    await world.report(world.sent(request, "u1"), world.failed(request, "u1"))

    assert (await world.results(id))["by_status"]["sent"] == 1


async def test_reports_about_others_change_nothing(world):
    id = await world.launched(["u1"])
    await world.run_due()
    [request] = await world.requested()
    no_campaign = NotificationSent(notification_id=uuid4(), message_id=uuid4(), user_id="u1", channel="email")
    unknown = no_campaign.model_copy(update={"campaign_id": uuid4()})
    other_message = no_campaign.model_copy(update={"campaign_id": UUID(id)})

    await world.report(
        make_event(no_campaign),
        make_event(unknown),
        make_event(other_message),
        world.sent(request, "somebody"),
        world.sent(request, "u1", workspace="other"),
    )

    assert (await world.results(id))["by_status"]["requested"] == 1


async def test_a_reason_of_a_later_release_is_kept(world):
    id = await world.launched(["u1"])
    await world.run_due()
    [request] = await world.requested()
    event = world.failed(request, "u1")

    await world.report(event.model_copy(update={"data": event.data | {"reason": "quiet_hours", "locale": "zh-CN"}}))

    results = await world.results(id)
    assert results["by_reason"] == {"quiet_hours": 1}
    assert results["by_locale"] == {"zh-CN": 1}


async def test_no_more_than_some_thousands_are_in_flight(world):
    crowd = [f"u{n:05}" for n in range(IN_FLIGHT + 700)]
    id = await world.launched(crowd)

    await world.run_due()
    assert (await world.results(id))["by_status"]["requested"] == IN_FLIGHT
    requests = await world.requested()
    await world.report(*(world.sent(requests[0], user_id) for user_id in requests[0].data["user_ids"]))
    await world.run_due()
    await world.report(*(world.sent(requests[1], user_id) for user_id in requests[1].data["user_ids"]))
    await world.run_due()

    results = await world.results(id)
    assert results["by_status"]["pending"] == 0
    assert results["by_status"]["sent"] == 1_000
    assert _told(await world.requested()) == Counter(crowd)


async def test_a_report_asks_for_the_next_chunk_only_when_there_is_room_for_it(world):
    await world.launched([f"u{n:05}" for n in range(IN_FLIGHT + 1)])
    await world.run_due()
    first = (await world.requested())[0]
    *others, last = first.data["user_ids"]

    await world.report(*(world.sent(first, user_id) for user_id in others))
    assert await world.run_due() == 0
    await world.report(world.sent(first, last))
    assert await world.run_due() == 1


async def test_nothing_is_looked_at_again_after_the_last_chunk(world):
    await world.launched(CROWD)

    assert await world.run_due() == len(await world.requested()) == 3


async def test_long_ids_make_smaller_chunks(world):
    crowd = [f"{n:04}" + "🙂" * 196 for n in range(600)]
    await world.launched(crowd)

    await world.run_due()

    requests = await world.requested()
    assert len(requests[0].data["user_ids"]) < 500
    assert _told(requests) == Counter(crowd)


async def test_recipients_are_listed_in_pages_and_by_status(world):
    id = await world.launched(CROWD)
    await world.run_chunk(id)

    seen, cursor = [], None
    while True:
        query = "?status=pending&limit=200" + (f"&cursor={cursor}" if cursor else "")
        page = await world.ok("GET", f"/v1/campaigns/{id}/recipients{query}")
        seen += [row["user_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    [request] = await world.requested()
    assert Counter(seen) + _told([request]) == Counter(CROWD)
