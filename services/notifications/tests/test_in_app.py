"""The inbox through its doors: what lies where, what people do with it, undo, and what comes back when time has come."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.app import SERVICE
from opsloop_notifications.in_app import service as in_app
from opsloop_notifications.messages.consumers import ERASURES

ALL = "/v1/recipients/u1/inbox"


class Box:
    def __init__(self, service, headers, path=ALL):
        self.service, self.headers, self.path = service, headers, path

    async def call(self, method="GET", path="", body=None, status=200, headers=None):
        given = self.headers | (headers or {})
        answer = await self.service.client.request(method, self.path + path, json=body, headers=given)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else answer

    async def tell(self, *titles, users=("u1",)):
        for title in titles:
            contents = [{"locale": "en", "inbox": {"title": title, "body": "Words", "url": "/orders/1"}}]
            body = {"user_ids": list(users), "channels": ["inbox"], "contents": contents}
            answer = await self.service.client.post("/v1/messages", json=body, headers=self.headers)
            assert answer.status_code == 201, answer.text

    async def titles(self, shelf="open"):
        return [item["title"] for item in (await self.call(path=f"?status={shelf}"))["items"]]

    async def counts(self):
        found = (await self.call())["counts"]
        return found["unseen"], found["unread"]

    async def entry(self, title):
        [found] = [item for item in (await self.call(path="?limit=200"))["items"] if item["title"] == title]
        return found

    async def mark(self, mark, ids=None):
        return await self.call("POST", "/mark", {"mark": mark, "ids": ids})

    async def change(self, entry, status=200, headers=None, **said):
        return await self.call("PATCH", f"/{entry['id']}", said, status, headers)


@pytest.fixture
async def box(service):
    made = Box(service, await service.key())
    await made.tell("one", "two", "three")
    return made


async def test_newest_first_in_pages_with_what_waits_in_all(box):
    page = await box.call(path="?limit=2")
    rest = await box.call(path=f"?limit=2&cursor={page['next_cursor']}")

    assert [item["title"] for item in page["items"] + rest["items"]] == ["three", "two", "one"]
    assert page["counts"] == rest["counts"] == {"unseen": 3, "unread": 3, "position": 3}
    assert rest["next_cursor"] is None
    first = page["items"][0]
    assert (first["status"], first["url"], first["locale"], first["position"]) == ("unseen", "/orders/1", "en", 3)
    assert (first["is_seen"], first["is_read"], first["is_archived"], first["snoozed_until"]) == (
        False,
        False,
        False,
        None,
    )


async def test_one_is_seen_read_archived(box):
    entry = await box.entry("two")

    read = await box.change(entry, is_read=True)
    same = await box.change(entry, is_read=True)
    stale = await box.change(entry, 412, {"If-Match": '"1"'}, is_archived=True)
    archived = await box.change(entry, headers={"If-Match": '"2"'}, is_archived=True)

    assert stale["status"] == 412
    assert (read["status"], read["is_seen"], read["position"]) == ("read", True, 4)
    assert same == read
    assert (archived["status"], archived["position"]) == ("archived", 5)
    assert await box.titles() == ["three", "one"]
    assert await box.titles("archived") == ["two"]
    assert await box.counts() == (2, 2)
    assert (await box.change(entry, is_archived=False))["status"] == "read"
    assert (await box.change(entry, is_read=False))["status"] == "seen"
    assert (await box.change(entry, is_seen=False))["status"] == "unseen"
    assert await box.call(path=f"/{entry['id']}") == await box.entry("two")


async def test_shelves(box):
    one, two = await box.entry("one"), await box.entry("two")
    await box.change(one, is_seen=True)
    await box.change(two, is_read=True)

    assert await box.titles("unseen") == ["three"]
    assert await box.titles("unread") == ["three", "one"]
    assert await box.titles("read") == ["two"]
    assert await box.counts() == (1, 2)
    await box.call(path="?status=nowhere", status=422)


async def test_many_at_once_and_back_again(box):
    two = await box.entry("two")
    await box.change(two, is_read=True)
    before = [item | {"position": 0, "updated_at": 0} for item in (await box.call())["items"]]

    archived = await box.mark("archived")
    assert (archived["changed"], await box.titles(), await box.titles("archived")) == (3, [], ["three", "two", "one"])
    undone = await box.call("POST", "/undo", {"undo_id": archived["undo_id"]})
    again = await box.call("POST", "/undo", {"undo_id": archived["undo_id"]})

    assert (undone, again) == ({"changed": 3}, {"changed": 0})
    assert [item | {"position": 0, "updated_at": 0} for item in (await box.call())["items"]] == before
    positions = [item["position"] for item in (await box.call())["items"]]
    assert positions == sorted(positions, reverse=True)
    assert len(set(positions)) == 3


async def test_undo_leaves_alone_what_changed_since(box):
    read = await box.mark("read")
    await box.change(await box.entry("two"), is_archived=True)

    undone = await box.call("POST", "/undo", {"undo_id": read["undo_id"]})

    assert undone == {"changed": 2}
    assert await box.titles("unread") == ["three", "one"]
    assert await box.titles("archived") == ["two"]


async def test_only_those_that_are_named_and_that_it_changes(box):
    one, two = await box.entry("one"), await box.entry("two")

    first = await box.mark("read", [one["id"], two["id"], str(uuid4())])
    second = await box.mark("read", [one["id"]])
    third = await box.mark("unread")

    assert (first["changed"], second, third["changed"]) == (2, {"changed": 0, "undo_id": None}, 2)
    for body in ({"mark": "eaten"}, {"mark": "read", "ids": []}, {"mark": "read", "ids": ["x"]}, {}):
        await box.call("POST", "/mark", body, 422)


async def test_what_is_put_off_comes_back_as_new(box):
    entry = await box.entry("one")
    until = box.service.clock.now() + timedelta(hours=1)
    await box.change(entry, is_read=True)

    snoozed = await box.change(entry, snoozed_until=until.isoformat())
    assert (snoozed["status"], await box.titles(), await box.titles("snoozed")) == (
        "snoozed",
        ["three", "two"],
        ["one"],
    )
    await run_due(box.service.db, SERVICE.due)
    assert await box.titles() == ["three", "two"]
    box.service.clock.advance(3_601)
    await run_due(box.service.db, SERVICE.due)

    back = await box.entry("one")
    assert (back["status"], back["snoozed_until"], back["position"]) == ("unseen", None, 6)
    past = (box.service.clock.now() - timedelta(seconds=1)).isoformat()
    refused = await box.change(entry, 422, snoozed_until=past)
    assert refused["errors"] == [{"pointer": "/snoozed_until", "detail": "has passed"}]


async def test_what_is_put_off_anew_or_woken_by_hand(box):
    entry, now = await box.entry("one"), box.service.clock.now()
    await box.change(entry, snoozed_until=(now + timedelta(hours=1)).isoformat())
    await box.change(entry, snoozed_until=(now + timedelta(hours=3)).isoformat())
    box.service.clock.advance(2 * 3600)
    await run_due(box.service.db, SERVICE.due)
    assert await box.titles("snoozed") == ["one"]

    woken = await box.change(entry, snoozed_until=None)
    box.service.clock.advance(2 * 3600)
    await run_due(box.service.db, SERVICE.due)

    assert woken["status"] == "unseen"
    assert (await box.entry("one"))["position"] == woken["position"]


async def test_whose_inbox(box, service):
    user, other = await service.user("u1"), await service.user("u2")
    reader = await service.key("notifications:read")
    mine = Box(service, user)

    assert (await mine.call())["counts"]["unread"] == 3
    assert (await mine.mark("seen"))["changed"] == 3
    assert (await mine.change(await mine.entry("one"), is_read=True))["status"] == "read"
    assert (await Box(service, other, "/v1/recipients/u2/inbox").call())["items"] == []
    for path in ("", "/stream", f"/{(await mine.entry('one'))['id']}"):
        refused = await Box(service, other).call(path=path, status=404)
        assert refused["detail"] == "There is no recipient with this user_id."
    await Box(service, other).call("POST", "/mark", {"mark": "read"}, 404)
    await Box(service, reader).call("POST", "/mark", {"mark": "read"}, 403)
    await Box(service, await service.publishable()).call(status=403)
    await Box(service, {}).call(status=401)
    await Box(service, await service.key(workspace="other")).call(status=404)
    await Box(service, box.headers, "/v1/recipients/u2/inbox").call(
        path=f"/{(await mine.entry('one'))['id']}", status=404
    )


async def test_pages_of_any_origin_may_ask_with_a_user_token(box, service):
    origin = {"Origin": "https://shop.example"}
    asked = await service.client.options(
        f"{ALL}/stream",
        headers=origin
        | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,last-event-id"},
    )
    answer = await service.client.get(ALL, headers=origin | await service.user("u1"))

    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert "Last-Event-ID" in asked.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


async def test_ids_with_slashes(service):
    box = Box(service, await service.key(), "/v1/recipients/a%2Fb/inbox")
    await box.tell("one", users=["a/b"])

    assert await box.titles() == ["one"]
    assert (await box.mark("read"))["changed"] == 1


async def test_changes_at_the_same_time_all_count(box):
    await box.tell(*(f"n{number}" for number in range(5)))
    entries = (await box.call())["items"]

    await asyncio.gather(
        *(box.change(entry, is_read=True) for entry in entries[:4]), box.mark("seen"), box.mark("archived", [entries[5]["id"]]),
        box.tell("late"),
    )  # fmt: skip

    shelves = [await box.call(path=f"?status={shelf}") for shelf in ("open", "archived")]
    positions = sorted(item["position"] for shelf in shelves for item in shelf["items"])
    assert len(set(positions)) == 9
    assert positions[-1] == (await box.call())["counts"]["position"]


async def test_who_was_erased_has_no_inbox(box):
    await box.tell("to another", users=["u2"])
    entry = await box.entry("one")
    await box.change(entry, snoozed_until=(box.service.clock.now() + timedelta(hours=1)).isoformat())

    await deliver(box.service.db, ERASURES, make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"])))
    box.service.clock.advance(3_601)
    await run_due(box.service.db, SERVICE.due)

    await box.call(status=404)
    async with box.service.db.transaction(Context(workspace="acme")) as session:
        left = list(
            await session.scalars(text("SELECT user_id FROM in_app_inbox UNION ALL SELECT user_id FROM in_app_entry"))
        )
    assert left == ["u2", "u2"]


async def test_what_is_old_is_forgotten_unless_it_sleeps(box):
    sleeper = await box.entry("one")
    later = box.service.clock.now() + timedelta(days=90)
    await box.change(sleeper, snoozed_until=later.isoformat())

    async with box.service.db.transaction(Context(workspace="acme")) as session:
        gone = await in_app.forget_entries(session, box.service.clock.now() + timedelta(seconds=1), limit=10)

    assert gone == 2
    assert (await box.titles(), await box.titles("snoozed")) == ([], ["one"])


async def test_the_script_is_served_to_any_page(service):
    answer = await service.client.get("/v1/inbox.js")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "ops-inbox" in answer.text


async def test_the_script_is_asked_about_without_its_text(service):
    shown, asked = await service.client.get("/v1/inbox.js"), await service.client.head("/v1/inbox.js")

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-type"] == shown.headers["content-type"]
    assert asked.headers["cache-control"] == shown.headers["cache-control"]
