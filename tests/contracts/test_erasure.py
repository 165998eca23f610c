"""Who is erased is gone: one person's marks go in by every door of every service, and after the erasure no table has one.

Every column of every table is searched, so a new one is walked without being asked. What holds them for a while by design is
listed with its reason and its end.
"""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_campaigns.app import SERVICE as CAMPAIGNS
from opsloop_common.contracts.campaigns import MessageRequested
from opsloop_common.contracts.users import mailbox_user_id
from opsloop_common.db import Context
from opsloop_common.inbox import holding
from opsloop_common.inbox.delivery import Delivery
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_feedback.app import SERVICE as FEEDBACK
from opsloop_metrics.app import SERVICE as METRICS
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.store.opening import migrate_store
from opsloop_metrics.store.server import ServerStore
from opsloop_notifications.app import SERVICE as NOTIFICATIONS
from services.metrics.tests.clickhouse_front import fronted

MARK = "XyMarkOfOnePerson"
ANONYMOUS = f"anon-{MARK}"
OTHER = "somebody-else"
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SERVICES = (FEEDBACK, METRICS, CAMPAIGNS, NOTIFICATIONS)
FOR_A_WHILE = {
    "outbox": "that they were erased, for 14 days: others may still have to hear it",
    "event_log": "what partners may still fetch, user.erased among it, for OPSLOOP_EVENT_RETENTION_DAYS",
    "idempotency": "the answer to a request that may be sent again, for a day",
}
"""Tables that may have a mark after an erasure, and when they lose it."""
_TABLES = text(
    "SELECT relname, has_table_privilege(oid, 'SELECT') FROM pg_class "
    "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
)


class Everything:
    """All four services, each with its database, and the event store."""

    def __init__(self, apis, keys, store):
        self.apis, self.keys, self.store = apis, keys, store
        self._heard = set()

    async def call(self, service, method, path, body=None, *, is_refused=False, **options):
        headers = self.keys[service] | options.pop("headers", {})
        answer = await self.apis[service].client.request(method, path, json=body, headers=headers, **options)
        assert answer.status_code < 300 or (is_refused and answer.status_code == 400), (
            path,
            answer.status_code,
            answer.text,
        )
        return answer.json() if answer.content else None

    async def settle(self):
        """Let everybody hear what was told and do what is due, until nothing new is told."""
        while True:
            told = [event for api in self.apis.values() for event in await api.events() if event.id not in self._heard]
            if not told:
                return
            self._heard |= {event.id for event in told}
            for service in SERVICES:
                for subscription in service.subscriptions:
                    await deliver(self.apis[service.name].db, subscription, *told)
            for service in SERVICES:
                await run_due(self.apis[service.name].db, service.due)
            await run_recurring(self.apis["metrics"].db, METRICS.due)

    async def marked(self):
        """Return (place, table, a row) of everything that has a mark, in any database and in the event store."""
        found = []
        for name, api in self.apis.items():
            async with api.db.transaction(Context(workspace="acme")) as session:
                tables = (await session.execute(_TABLES)).all()
                assert all(is_readable for _, is_readable in tables)
                for table, _ in tables:
                    # bytes are written in hex: a mark in them is looked for as such
                    rows = await session.scalars(
                        text(
                            f'SELECT left(t::text, 2000) FROM "{table}" AS t WHERE t::text ILIKE :mark OR t::text ILIKE :bytes'
                        ),
                        {"mark": f"%{MARK}%", "bytes": f"%{MARK.encode().hex()}%"},
                    )
                    found += [(name, table, row) for row in rows]
        tables = await self.store.query("SELECT name FROM system.tables WHERE database = 'opsloop'")
        for (table,) in tables.rows:
            rows = await self.store.query(f"SELECT * FROM opsloop.{table}")
            found += [("store", table, row) for row in rows.rows if MARK.lower() in json.dumps(row).lower()]
        return found


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory):
    with fronted(
        tmp_path_factory.mktemp("clickhouse")
    ) as url:  # a process may hold one folder, and this one may have another
        yield url


@pytest.fixture
async def everything(api, clickhouse):
    public = {"public_url": "https://ops.example.test"}  # so that events say where to find what they are about
    settings = settings_for_tests(MetricsSettings, clickhouse_url=clickhouse, **public)
    await migrate_store(settings)
    others = {service.name: settings_for_tests(service.settings, **public) for service in SERVICES}
    apis = {service.name: await api(service, (others | {"metrics": settings})[service.name]) for service in SERVICES}
    keys = {service.name: await apis[service.name].key(*service.scopes) for service in SERVICES}
    store = ServerStore(clickhouse)
    for table in ("event", "person", "person_override"):
        await store.change(f"TRUNCATE TABLE opsloop.{table}")
    await store.change("DELETE FROM opsloop.seen WHERE true")
    yield Everything(apis, keys, store)
    await store.close()


async def fill(world):
    """Let the person, and somebody else, come by every door."""
    page = await world.apis["feedback"].publishable()
    for user, mark in ((MARK, MARK), (OTHER, "nobody")):
        await _capture(world, user, mark)
        claimed = {
            "body": "b",
            "author": {"user_id": user, "email": f"beside-{mark.lower()}@example.test", "name": mark},
        }
        await world.call("feedback", "POST", "/v1/feedback", claimed, headers=page)
        post = {
            "body": f"I am {mark}, 支付失败", "title": f"of {mark}", "channel": "api", "rating": 1,
            "author": {"user_id": user, "name": mark, "email": f"{mark.lower()}@example.test"},
            "attributes": {"order": f"{mark}-7"},
        }  # fmt: skip
        item = await world.call("feedback", "POST", "/v1/feedback", post, headers={"Idempotency-Key": str(uuid4())})
        for kind in ("reply", "note"):
            said = {"kind": kind, "body": f"dear {mark}"}
            await world.call("feedback", "POST", f"/v1/feedback/{item['id']}/messages", said)
        await _quote(world, item["id"], mark)
        said = {"subject": f"Dear {mark}", "body": "{{ name }}", "html": "<p>{{ name }}</p>"}
        contents = [{"locale": "en", "email": said, "inbox": {"title": f"Dear {mark}", "body": "{{ name }}"}}]
        told = {"user_ids": [user], "channels": ["email", "inbox"], "contents": contents, "data": {"name": mark}}
        await world.call("notifications", "POST", "/v1/messages", told)
    message = {"channel": "email", "locale": "en", "subject": "s", "body": "b"}
    launch = {"name": "x", "audience": {"user_ids": [MARK, OTHER]}, "messages": [message]}
    await world.call("campaigns", "POST", "/v1/campaigns", launch)
    made = await world.call("campaigns", "POST", "/v1/campaigns", launch)
    await world.call("campaigns", "PATCH", "/v1/workspace", {"allow_self_approval": True})
    for status in ("pending_approval", "approved", "running"):
        await world.call("campaigns", "PUT", f"/v1/campaigns/{made['id']}/status", {"status": status})
    await world.call("campaigns", "POST", "/v1/playbooks", {"name": "p", "on": "kpi.breached", "launch": launch})
    hook = {"url": "https://example.com/hook", "event_types": ["*"]}
    await world.call("notifications", "POST", "/v1/webhooks", hook)
    await world.settle()
    for user, mark in ((MARK, MARK), (OTHER, "nobody")):
        await _list(world, user, mark)
        await _consent(world, user, mark)
    await world.settle()


async def _list(world, user, mark):
    """Let the person stand in a file of recipients, and want a digest."""
    row = {"user_id": user, "name": mark, "topics": {"daily": True}}
    headers = world.keys["notifications"] | {"Content-Type": "application/x-ndjson"}
    client = world.apis["notifications"].client
    of_a_file = row | {"name": f"{mark} of a file"}
    made = await client.post("/v1/recipient-imports", content=json.dumps(of_a_file), headers=headers)
    assert made.status_code == 202, made.text
    await world.call("notifications", "POST", "/v1/recipients:batch", {"items": [row | {"time_zone": "Asia/Shanghai"}]})
    await _reach(world, user, mark)
    wish = {"topic": "daily", "channel": "email", "is_on": True, "digest": {"every": "week"}}
    await world.call("notifications", "PUT", f"/v1/recipients/{user}/preferences", {"topics": [wish]})
    contents = [{"locale": "en", "email": {"subject": mark, "body": mark}}]
    told = {"user_ids": [user], "channels": ["email"], "contents": contents, "topic": "daily", "digest_key": "k"}
    await world.call("notifications", "POST", "/v1/messages", told)


async def _reach(world, user, mark):
    """Let the person be reached in a chat and in a browser, and be told there."""
    chat = {"kind": "slack", "name": "Team", "url": "https://example.com/hook"}
    room = await world.call("notifications", "POST", "/v1/channels", chat)
    push = {"kind": "web_push", "name": "Browsers", "subject": "mailto:ops@example.com"}
    browsers = await world.call("notifications", "POST", "/v1/channels", push)
    to = f"/v1/recipients/{user}/contacts"
    in_chat = {"kind": "chat", "channel_id": room["id"], "address": mark}
    await world.call("notifications", "POST", to, in_chat)
    address, keys = f"https://example.com/{mark}", {"p256dh": POINT, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}
    browser = {"kind": "push", "channel_id": browsers["id"], "address": address, "keys": keys}
    await world.call("notifications", "POST", to, browser)
    contents = [{"locale": "en", "chat": {"body": mark}, "push": {"title": mark, "body": mark}}]
    told = {"user_ids": [user], "channels": ["chat", "push"], "contents": contents}
    await world.call("notifications", "POST", "/v1/messages", told)


async def _consent(world, user, mark):
    """Let the person be known by name, asked for their address, off a topic, and suppressed."""
    one, address = f"/v1/recipients/{user}", f"{mark.lower()}@example.test"
    await world.call("notifications", "PATCH", one, {"name": mark, "state": "unconfirmed"})
    await world.call("notifications", "POST", f"{one}/confirmation")
    wanted = {"topics": [{"topic": "news", "channel": "email", "is_on": False}], "quiet_hours": None}
    await world.call("notifications", "PUT", f"{one}/preferences", wanted)
    await world.call("notifications", "POST", "/v1/suppressions", {"address": address, "note": f"told us: {mark}"})


async def _quote(world, feedback_id, mark):
    segment = await world.call("metrics", "POST", "/v1/segments", {"name": "Buyers", "kind": "static"})
    for words in (f"{mark} says 支付失败", f"{mark} says: payment failed"):
        persona = {"title": "Buyer", "quotes": [{"feedback_id": feedback_id, "text": words}]}
        await world.call("metrics", "PUT", f"/v1/segments/{segment['id']}/persona", persona)


async def _capture(world, user, mark, *, is_refused=False):
    key, address = world.keys["metrics"]["Authorization"].removeprefix("Bearer "), f"{mark.lower()}@example.test"
    batch = [
        {"type": "identify", "userId": user, "anonymousId": f"anon-{mark}", "traits": {"email": address, "name": mark}},
        {"type": "track", "userId": user, "event": "Paid", "properties": {"note": mark}, "context": {"page": {"url": f"https://shop.example/{mark}"}}},
        {"type": "track", "anonymousId": f"anon-{mark}", "event": "Seen"},
        {"type": "group", "userId": user, "groupId": "acme"},
        {"type": "track", "userId": user, "event": ""},
        {"type": "alias", "userId": user, "previousId": f"old-{mark}"},
    ]  # fmt: skip
    await world.call("metrics", "POST", "/v1/batch", {"batch": batch, "writeKey": key}, is_refused=is_refused)
    taken = {
        "event": "Bought",
        "properties": {"token": key, "distinct_id": user, "$insert_id": str(uuid4()), "x": mark},
    }
    await world.call("metrics", "POST", "/track", [taken], is_refused=is_refused)
    profile = {
        "batch": [{"event": "$set", "distinct_id": user, "uuid": str(uuid4()), "properties": {"$set": {"city": mark}}}]
    }
    await world.call("metrics", "POST", "/batch/", profile | {"api_key": key}, is_refused=is_refused)


async def test_no_table_has_a_mark_of_who_was_erased(everything):
    await fill(everything)
    before = await everything.marked()
    seen = {(place, table) for place, table, _ in before}
    assert {
        ("feedback", "feedback"), ("feedback", "feedback_message"), ("feedback", "author"),
        ("metrics", "person"), ("metrics", "person_alias"),
        ("metrics", "rejection"), ("metrics", "contact"), ("metrics", "domain_event"), ("campaigns", "campaign"),
        ("metrics", "persona"), ("metrics", "persona_version"),
        ("campaigns", "recipient"), ("campaigns", "playbook"), ("notifications", "recipient"),
        ("notifications", "notification"), ("notifications", "message"), ("notifications", "in_app_inbox"),
        ("notifications", "in_app_entry"), ("notifications", "suppression"), ("notifications", "digest"),
        ("notifications", "recipient_import_row"), ("notifications", "contact"),
        ("store", "event"), ("store", "person"),
    } <= seen  # fmt: skip

    await everything.call("metrics", "DELETE", f"/v1/users/{ANONYMOUS}")
    await everything.settle()

    left = [each for each in await everything.marked() if each[1] not in FOR_A_WHILE]
    assert left == []
    profile = await everything.call("metrics", "GET", f"/v1/users/{OTHER}")
    assert profile["traits"]["email"] == "nobody@example.test"
    recipient = await everything.call("notifications", "GET", f"/v1/recipients/{OTHER}")
    assert recipient["email"] == "nobody@example.test"


async def test_who_is_known_by_an_address_alone_is_erased_by_what_they_are_called(everything):
    address = f"{MARK}@example.test"
    post = {"body": MARK, "title": MARK, "author": {"email": address, "name": MARK}}
    item = await everything.call("feedback", "POST", "/v1/feedback", post)
    await everything.settle()
    mailbox = mailbox_user_id("acme", address)
    assert (await everything.call("notifications", "GET", f"/v1/recipients/{mailbox}"))["email"] == address
    contents = [{"locale": "en", "email": {"subject": "s", "body": "b"}}]
    told = {"user_ids": [mailbox], "channels": ["email"], "contents": contents}
    await everything.call("notifications", "POST", "/v1/messages", told)
    await everything.settle()

    await everything.call("metrics", "DELETE", f"/v1/users/{mailbox}")
    await everything.settle()

    assert [each for each in await everything.marked() if each[1] not in FOR_A_WHILE] == []
    assert (await everything.call("feedback", "GET", f"/v1/feedback/{item['id']}"))["body"] == ""
    missing = await everything.apis["notifications"].client.get(
        f"/v1/recipients/{mailbox}", headers=everything.keys["notifications"]
    )
    assert missing.status_code == 404


async def test_what_was_parked_and_what_was_told_of_others_stays(everything):
    """Of each service a copy of an event about the person is put aside before the erasure, and one about somebody else."""
    await fill(everything)
    for service in SERVICES:
        await _park(everything, service)
    assert {place for place, table, _ in await everything.marked() if table == "parked_event"} == set(everything.apis)

    await everything.call("metrics", "DELETE", f"/v1/users/{MARK}")
    await everything.settle()

    assert {place for place, table, _ in await everything.marked() if table == "parked_event"} == set()
    for api in everything.apis.values():
        async with api.db.transaction(Context(workspace="acme")) as session:
            bodies = await session.scalars(text("SELECT convert_from(body, 'UTF8') FROM parked_event ORDER BY seq"))
            named = [json.loads(body)["data"]["user_ids"] for body in bodies]
        assert named == [[OTHER], [OTHER]]
    told = [event for event in await everything.apis["campaigns"].events() if event.type == "message.requested"]
    assert [event.data["user_ids"] for event in told] == [[OTHER]]


async def _park(world, service):
    for sequence, users in enumerate(([MARK, OTHER], [OTHER]), 1):
        asked = MessageRequested(campaign_id=uuid4(), message_id=uuid4(), channel="email", user_ids=users, contents=[])
        event = make_event(asked, workspace="acme", sequence=sequence)
        delivery = Delivery("campaigns", f"here@{sequence}", event.to_bytes(), event)
        error = ValueError(f"no mail for {users[0]}")
        await holding.park(world.apis[service.name].db, "broken", delivery, event, error=error, attempts=1)


async def test_what_is_kept_for_a_while_ends_by_itself(everything):
    await fill(everything)
    await everything.call("metrics", "DELETE", f"/v1/users/{MARK}")
    await everything.settle()
    marked = await everything.marked()
    kept = {table for _, table, _ in marked}
    assert {"outbox", "event_log"} <= kept <= FOR_A_WHILE.keys()
    told = [row for _, table, row in marked if table == "outbox"]
    assert all(
        ",user.erased," in row or (",user.contact_changed," in row and '""is_gone"":true' in row) for row in told
    ), told

    notifications = everything.apis["notifications"]
    notifications.clock.advance(timedelta(days=31))
    await run_recurring(notifications.db, NOTIFICATIONS.due)

    assert "event_log" not in {table for _, table, _ in await everything.marked()}


async def test_what_is_sent_again_of_them_comes_in_nowhere_of_metrics(everything):
    await fill(everything)
    await everything.call("metrics", "DELETE", f"/v1/users/{MARK}")
    await everything.settle()

    await _capture(everything, MARK, MARK, is_refused=True)
    await everything.settle()

    left = {(place, table) for place, table, _ in await everything.marked()} - {("metrics", "outbox")}
    assert not {(place, table) for place, table in left if place in ("metrics", "store")}
