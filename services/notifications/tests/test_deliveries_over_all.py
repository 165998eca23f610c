"""Deliveries over all endpoints: filters, pages."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignCancelled, CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.deliveries import service as deliveries


def pause(name="暂停"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


async def listed(acme, **query):
    answer = await acme.service.client.get("/v1/deliveries", params=query, headers=acme.key)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.fixture
async def two(acme, hook):
    """Two endpoints and two events, an hour apart."""
    other = await acme.post("/v1/webhooks", 201, url=hook.url + "/other", event_types=["campaign.paused"])
    first = pause()
    await acme.happen(first)
    acme.service.clock.advance(3600)
    second = make_event(CampaignCancelled(campaign_id=uuid4(), name="n"))
    await acme.happen(second)
    return other, first, second


async def test_they_are_listed_latest_first_by_what_is_asked(acme, two):
    other, first, second = two
    found = await listed(acme)
    hour_ago = (acme.service.clock.now() - timedelta(minutes=30)).isoformat()

    assert [item["event_id"] for item in found] == [str(second.id), str(first.id), str(first.id)]
    assert {item["webhook_id"] for item in found[1:]} == {acme.hook["id"], other["id"]}
    for query, expected in (
        ({"webhook_id": other["id"]}, found[1:]),
        ({"event_id": str(first.id)}, found[1:]),
        ({"event_type": "campaign.cancelled"}, found[:1]),
        ({"created_from": hour_ago}, found[:1]),
        ({"created_to": hour_ago}, found[1:]),
        ({"status": "pending"}, found),
        ({"status": "failed"}, []),
        ({"webhook_id": str(uuid4())}, []),
    ):
        if "webhook_id" in query and expected:
            expected = [item for item in expected if item["webhook_id"] == other["id"]]
        assert await listed(acme, **query) == expected, query


async def test_pages_hold_each_delivery_once(acme, two):
    seen, cursor = [], None
    while True:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await acme.service.client.get("/v1/deliveries", params=query, headers=acme.key)).json()
        seen += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break

    assert seen == await listed(acme)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"status": "lost"}, 422),
        ({"event_type": "kpi.breachd"}, 422),
        ({"webhook_id": "x"}, 422),
        ({"created_from": "soon"}, 422),
    ],
)
async def test_a_filter_that_means_nothing_is_told(acme, query, status):
    answer = await acme.service.client.get("/v1/deliveries", params=query, headers=acme.key)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["pointer"] == f"/query/{next(iter(query))}"


async def test_nobody_sees_anothers(acme, two):
    client = acme.service.client

    assert (await client.get("/v1/deliveries")).status_code == 401
    stranger = await acme.service.key(workspace="other")
    assert (await client.get("/v1/deliveries", headers=stranger)).json()["items"] == []
    campaigns = await client.get("/v1/deliveries", headers=await acme.service.key("notifications:write"))
    assert campaigns.status_code == 403


async def test_the_newest_of_an_endpoint_are_found_and_counted(acme, two):
    other, *_ = two
    hook_id = UUID(acme.hook["id"])
    ended = (
        "UPDATE delivery SET status = 'failed', finished_at = created_at WHERE webhook_id = :id AND event_type = :type"
    )
    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text(ended), {"id": hook_id, "type": "campaign.paused"})
        found = await deliveries.newest(session, hook_id, status=None, before=None, limit=5)
        older = await deliveries.newest(session, hook_id, status=None, before=found[0].id, limit=5)
        failed = await deliveries.newest(session, hook_id, status="failed", before=None, limit=1)
        counted = [await deliveries.newest_by_status(session, hook_id, among=most) for most in (1, 2)]
    async with acme.service.db.transaction(Context(workspace="other")) as session:
        theirs = await deliveries.newest(session, hook_id, status=None, before=None, limit=5)

    assert [row.event_type for row in found] == ["campaign.cancelled", "campaign.paused"]
    assert [row.id for row in older] == [row.id for row in failed] == [found[1].id]
    assert counted == [{"pending": 1}, {"pending": 1, "failed": 1}]
    assert theirs == []
    assert other["id"] not in {str(row.webhook_id) for row in found}
