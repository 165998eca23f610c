"""Polling: every event once, oldest first, whatever order the transactions commit in."""

import asyncio
import random
from uuid import uuid4

import pytest

from opsloop_common.contracts import catalogue
from opsloop_common.contracts.campaigns import CampaignFinished, CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.eventlog import queries
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.service import hear_events


def pause(name="x", **envelope):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name), **envelope)


def finish(clock):
    return make_event(CampaignFinished(campaign_id=uuid4(), name="x", sent=1, failed=0, finished_at=clock.now()))


async def test_poll_pages_from_a_cursor(service):
    key = await service.key("notifications:read")
    events = [pause(str(n)) for n in range(5)]
    await deliver(service.db, WEBHOOKS, *events, pause(workspace="other"))

    async def poll(**query):
        answer = await service.client.get("/v1/events", params=query, headers=key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    first = await poll(limit=2)
    second = await poll(limit=3, cursor=first["next_cursor"])
    empty = await poll(cursor=second["next_cursor"])
    late = pause("late")
    await deliver(service.db, WEBHOOKS, late)
    third = await poll(cursor=empty["next_cursor"])

    assert first["items"] + second["items"] == [event.document() for event in events]
    assert (first["has_more"], second["has_more"], empty["items"]) == (True, False, [])
    assert [item["id"] for item in third["items"]] == [str(late.id)]


async def test_a_page_ends_before_it_grows_too_large(service, monkeypatch):
    monkeypatch.setattr(queries, "LIST_CHARACTERS", 5_000)
    key = await service.key("notifications:read")
    events = [pause(f"{n} " + "x" * 2_000) for n in range(7)]
    await deliver(service.db, WEBHOOKS, *events)
    pages, cursor = [], {}

    while not pages or pages[-1]["has_more"]:
        pages.append((await service.client.get("/v1/events", params=cursor, headers=key)).json())
        cursor = {"cursor": pages[-1]["next_cursor"]}

    assert [len(page["items"]) for page in pages] == [2, 2, 2, 1]
    assert [item for page in pages for item in page["items"]] == [event.document() for event in events]


async def test_poll_by_type(service, clock):
    key = await service.key()
    paused, finished = pause(), finish(clock)
    await deliver(service.db, WEBHOOKS, paused, finished)

    async def ids(types):
        answer = await service.client.get("/v1/events", params={"types": types}, headers=key)
        return [item["id"] for item in answer.json()["items"]]

    assert await ids("campaign.paused") == [str(paused.id)]
    assert await ids("campaign.*") == [str(paused.id), str(finished.id)]
    assert await ids("campaign.paused, campaign.finished") == [str(paused.id), str(finished.id)]
    assert await ids("*") == [str(paused.id), str(finished.id)]
    assert await ids("kpi.*") == []


async def test_poll_doors(service):
    key, other = await service.key(), await service.key(workspace="other")
    cursor = (await service.client.get("/v1/events", headers=key)).json()["next_cursor"]
    client = service.client

    assert (await client.get("/v1/events")).status_code == 401
    assert (await client.get("/v1/events", params={"cursor": "x"}, headers=key)).status_code == 422
    assert (await client.get("/v1/events", params={"cursor": cursor}, headers=other)).status_code == 422
    assert (await client.get("/v1/events", params={"limit": 0}, headers=key)).status_code == 422
    assert (await client.get("/v1/events", params={"limit": 201}, headers=key)).status_code == 422


async def test_a_poller_misses_nothing_that_commits_late(service):
    """12 writers whose transactions end in any order, and a poller that only goes forward."""
    key = await service.key()
    writers, each = 12, 15
    chance = random.Random(3)
    waits = [[chance.random() * 0.01 for _ in range(each)] for _ in range(writers)]
    done = asyncio.Event()

    async def write(writer):
        for wait in waits[writer]:
            async with service.db.transaction(Context(workspace="acme")) as session:
                await hear_events(session, [pause(str(writer)) for _ in range(chance.randint(1, 3))])
                await asyncio.sleep(wait)  # what delays a commit in life: a slow statement, a busy disk

    async def poll():
        seen, cursor = [], {}
        while True:
            last_round = done.is_set()
            page = (await service.client.get("/v1/events", params={"limit": 7} | cursor, headers=key)).json()
            seen += [item["id"] for item in page["items"]]
            cursor = {"cursor": page["next_cursor"]}
            if last_round and not page["has_more"]:
                return seen

    async def write_all():
        await asyncio.gather(*(write(number) for number in range(writers)))
        done.set()

    seen, _ = await asyncio.gather(poll(), write_all())

    whole, cursor = [], {}
    while True:
        page = (await service.client.get("/v1/events", params={"limit": 200} | cursor, headers=key)).json()
        whole += [item["id"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
        if not page["has_more"]:
            break
    assert len(whole) == len(set(whole)) >= writers * each
    assert seen == whole


async def test_every_type_has_its_schema(service):
    key = await service.key("notifications:read")

    answer = await service.client.get("/v1/event-types", headers=key)

    items = {item["type"]: item for item in answer.json()["items"]}
    assert set(items) == set(catalogue.PUBLIC)
    assert items["kpi.breached"]["service"] == "metrics"
    assert items["kpi.breached"]["schema"]["$id"] == "urn:opsloop:schema:kpi.breached:1"
    assert "incident_id" in items["kpi.breached"]["schema"]["properties"]
    assert all(item["description"] for item in items.values())
    assert (await service.client.get("/v1/event-types")).status_code == 401


async def test_poll_from_the_newest_or_from_now(service, clock):
    key = await service.key("notifications:read")

    async def poll(**query):
        answer = await service.client.get("/v1/events", params=query, headers=key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    nothing_yet = {start: await poll(start=start) for start in ("oldest", "newest", "now")}
    events = [pause("0"), pause("1"), finish(clock), pause("2"), finish(clock)]
    ids = [str(event.id) for event in events]
    await deliver(service.db, WEBHOOKS, *events, *(pause(workspace="other") for _ in range(3)))
    starts = {
        "oldest": await poll(start="oldest"),
        "newest": await poll(start="newest", limit=2),
        "newest paused": await poll(start="newest", limit=2, types="campaign.paused"),
        "newest of none": await poll(start="newest", types="kpi.*"),
        "more than there are": await poll(start="newest", limit=200),
        "now": await poll(start="now"),
    }
    late = pause("late")
    await deliver(service.db, WEBHOOKS, late)

    assert {start: [item["id"] for item in page["items"]] for start, page in starts.items()} == {
        "oldest": ids,
        "newest": ids[3:],
        "newest paused": [ids[1], ids[3]],
        "newest of none": [],
        "more than there are": ids,
        "now": [],
    }
    for page in starts.values():
        assert [item["id"] for item in (await poll(cursor=page["next_cursor"]))["items"]] == [str(late.id)]
    for page in nothing_yet.values():
        assert [item["id"] for item in (await poll(cursor=page["next_cursor"]))["items"]] == [*ids, str(late.id)]


async def test_a_start_is_one_of_three_and_goes_with_no_cursor(service):
    key = await service.key("notifications:read")
    cursor = (await service.client.get("/v1/events", headers=key)).json()["next_cursor"]

    for query in ({"start": "latest"}, {"start": ""}, {"start": "now", "cursor": cursor}):
        answer = await service.client.get("/v1/events", params=query, headers=key)
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["pointer"] == "/query/start"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("types=kpi.*,%20feedback.received", 200),
        ("types=*", 200),
        ("types=", 200),
        ("types=kpi.*,feedback.recieved", 422),
        ("types=kpis.*", 422),
    ],
)
async def test_events_are_polled_by_types_that_there_are(service, query, status):
    answer = await service.client.get(f"/v1/events?{query}", headers=await service.key())

    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["errors"][0]["pointer"] == "/query/types"
        assert "is no event type; did you mean " in answer.text
