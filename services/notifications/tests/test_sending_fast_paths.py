"""Each fast path and its plain twin come to one outcome: the same rows in all tables, whatever comes in."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context, app_role
from opsloop_common.entry import WORKER_SETTING
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.rules import lines_of
from opsloop_notifications.deliveries.service import Attempt
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.settings import NotificationsSettings

TABLES = ("event_log", "event_log_counter", "delivery", "delivery_queue", "delivery_attempt", "inbox")
NAMES = [
    "plain",
    '"traceparent":"x"',
    "\\",
    '"',
    "'; --",
    ":now $1",
    "暂停 😀 \u202e",
    '{"time":"1999"}',
    "x" * 100_000,
    "",
]


@pytest.fixture
async def pair(api):
    """Two services that differ in nothing."""
    settings = settings_for_tests(NotificationsSettings, outbound_allow="127.0.0.0/8", port=1)
    made = [await api(SERVICE, settings) for _ in range(2)]
    for one in made:
        key = await one.key()
        for url, fields in (
            ("http://127.0.0.1:9/a", {"event_types": ["*"]}),
            ("http://127.0.0.1:9/b", {"event_types": ["campaign.*"], "filter": [named("plain")]}),
            ("http://127.0.0.1:9/c", {"event_types": ["kpi.*"]}),
        ):
            answer = await one.client.post("/v1/webhooks", json={"url": url, **fields}, headers=key)
            assert answer.status_code == 201, answer.text
    return made


def named(name):
    return {"field": "data.name", "op": "eq", "value": name}


async def rows_of(one):
    """Return all rows of the paths' tables; ids that were made on the way are named by what they belong to."""
    found = {}
    async with one.db.transaction(Context(workspace="acme")) as session:
        urls = dict((await session.execute(text("SELECT CAST(id AS text), url FROM webhook"))).all())
        called = {
            id: f"delivery of {event} to {urls[webhook]}"
            for id, event, webhook in await session.execute(
                text("SELECT CAST(id AS text), CAST(event_id AS text), CAST(webhook_id AS text) FROM delivery")
            )
        }
        lines = {line: line.replace(id, url) for id, url in urls.items() for line in lines_of(id)}
        for table in TABLES:
            rows = await session.scalars(text(f"SELECT to_jsonb(t) FROM {table} AS t"))
            found[table] = sorted(json.dumps(without_ids(row, lines | called), sort_keys=True) for row in rows)
    return found


def without_ids(row, names):
    row.pop("applied_at", None)  # the database's own clock
    if "attempted_at" in row:
        UUID(row.pop("id"))
    return {key: names.get(value, value) if isinstance(value, str) else value for key, value in row.items()}


async def test_hearing(pair):
    plain, quick = pair
    first = [make_event(CampaignPaused(campaign_id=uuid4(), name=name), actor=f"user:{name[:40]}") for name in NAMES]
    again = [*first[:3], make_event(CampaignPaused(campaign_id=uuid4(), name="more")), first[0]]
    other = make_event(CampaignPaused(campaign_id=uuid4(), name="plain"), workspace="other")

    for one, way in ((plain, replace(WEBHOOKS, quick_handler=None)), (quick, WEBHOOKS)):
        assert await deliver(one.db, way, *first) == len(first)
        assert await deliver(one.db, way, *again, other) == 2

    rows = await rows_of(quick)
    assert rows == await rows_of(plain)
    assert [len(rows[table]) for table in TABLES] == [11, 1, 12, 12, 0, 12]


async def test_recording(pair):
    plain, quick = pair
    events = [make_event(CampaignPaused(campaign_id=uuid4(), name=f"{n}")) for n in range(len(NAMES) + 3)]
    owner, now = uuid4(), plain.clock.now()
    for one in pair:
        await deliver(one.db, WEBHOOKS, *events)
        attempts = await attempts_for(one, events, owner, now)
        if one is plain:
            async with one.db.transaction() as session:
                await deliveries.record_attempts(session, attempts, owner=owner)
        else:
            lanes = one.db.make_lanes(settings={"role": app_role("notifications"), WORKER_SETTING: "on"})
            await deliveries.record_attempts_at_once(lanes, attempts, owner=owner, now=one.clock.now())
            await lanes.aclose()

    rows = await rows_of(quick)
    assert rows == await rows_of(plain)
    assert len(rows["delivery_attempt"]) == len(events) - 1, "what another owns is not recorded"


async def attempts_for(one, events, owner, now):
    """Claim the deliveries to the endpoint that wants all, but the last, and say what came of each: success, later, the end."""
    async with one.db.transaction(Context(workspace="acme")) as session:
        found = await session.execute(
            text(
                "SELECT d.event_id, d.id FROM delivery AS d JOIN webhook AS w ON w.id = d.webhook_id WHERE w.url LIKE '%/a'"
            )
        )
        by_event = dict(found.all())
        ids = [by_event[event.id] for event in events]
        await session.execute(
            text("UPDATE delivery_queue SET owner = :owner, claimed_at = :now WHERE id = ANY(:ids)"),
            {"owner": owner, "now": now, "ids": ids[:-1]},
        )
    said = [*NAMES, None, None, None]
    return [
        Attempt(
            delivery_id=id,
            number=n + 1,
            attempted_at=now,
            duration_ms=n,
            status_code=None if n % 3 == 2 else 200 + n,
            failure=None if n % 3 == 0 else "protocol",
            detail=said[n],
            request_headers={"webhook-id": str(n), f"x-{said[n]}"[:200]: f"{said[n]}"[:2000]},
            response_body=said[n],
            next_attempt_at=now + timedelta(seconds=n) if n % 3 == 1 else None,
        )
        for n, id in enumerate(ids)
    ]
