"""Where people are reached: what is kept of them, whose a browser is, and what nobody else may see."""

import asyncio
import json
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.errors import Invalid
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.contacts.rules import ContactKind, require_channel
from opsloop_notifications.messages.consumers import ERASURES
from services.notifications.tests.test_channels import BODIES
from services.notifications.tests.test_ways_push import AUTH, P256DH

KEYS = {"p256dh": P256DH, "auth": AUTH}


@pytest.fixture
async def room(reaching):
    return await reaching.add("slack", **BODIES["slack"])


@pytest.fixture
async def browsers(reaching):
    return await reaching.add("web_push", **BODIES["web_push"])


def browser(channel, number=1, **fields):
    address = f"https://push.example.com/send/{number}"
    return {"kind": "push", "channel_id": channel["id"], "address": address, "keys": KEYS} | fields


async def listed(reaching, user="u1"):
    found = await reaching.call("GET", f"/v1/recipients/{user}/contacts", status=(200, 404))
    return found.get("items", [])  # of whom nothing is known there is nobody


async def test_each_kind_is_added_shown_and_forgotten(reaching, room, browsers):
    phone = await reaching.contact("u1", kind="phone", address="+8613800138000")
    chat = await reaching.contact("u1", kind="chat", channel_id=room["id"], address="U1")
    push = await reaching.contact("u1", **browser(browsers))

    assert [each["id"] for each in await listed(reaching)] == [push["id"], chat["id"], phone["id"]]
    assert (phone["address"], chat["address"], push["address"]) == ("+8613800138000", "U1", "push.example.com")
    for each in (phone, chat, push):
        path = f"/v1/recipients/u1/contacts/{each['id']}"
        assert await reaching.call("GET", path) == each
        await reaching.call("DELETE", path, status=204)
        await reaching.call("DELETE", path, status=404)
    assert await listed(reaching) == []


async def test_a_number_and_a_chat_take_the_place_of_the_one_before(reaching, room):
    other = await reaching.add("teams", **BODIES["teams"])
    first = await reaching.contact("u1", kind="phone", address="+8613800138000")
    second = await reaching.contact("u1", kind="phone", address="+33123456789")
    await reaching.contact("u1", kind="chat", channel_id=room["id"], address="U1")
    await reaching.contact("u1", kind="chat", channel_id=other["id"])

    assert first["id"] == second["id"]
    assert {(each["kind"], each["address"], each["channel_id"]) for each in await listed(reaching)} == {
        ("phone", "+33123456789", None),
        ("chat", None, other["id"]),
    }


async def test_a_browser_is_of_whoever_used_it_last(reaching, browsers):
    await reaching.contact("u1", **browser(browsers))
    again = await reaching.contact("u1", **browser(browsers))
    moved = await reaching.contact("u2", **browser(browsers))

    assert again["id"] == moved["id"]
    assert await listed(reaching) == []
    assert [each["user_id"] for each in await listed(reaching, "u2")] == ["u2"]


async def test_the_browser_that_was_told_of_longest_ago_makes_room(reaching, browsers, monkeypatch):
    monkeypatch.setattr(limits, "DEVICES_PER_PERSON", 3)
    made = []
    for number in range(3):
        made.append(await reaching.contact("u1", **browser(browsers, number)))
        reaching.service.clock.advance(1)
    changed = KEYS | {"auth": "A" * 22}
    await reaching.contact("u1", **browser(browsers, 0, keys=changed))  # the first one is used again
    reaching.service.clock.advance(1)
    last = await reaching.contact("u1", **browser(browsers, 3))

    kept = {each["id"] for each in await listed(reaching)}
    assert kept == {made[0]["id"], made[2]["id"], last["id"]}


async def test_many_at_once_are_one_number_and_no_more_browsers_than_may_be(reaching, browsers, monkeypatch):
    monkeypatch.setattr(limits, "DEVICES_PER_PERSON", 3)
    phones = [reaching.contact("u1", kind="phone", address=f"+861380013800{number}") for number in range(8)]
    pushes = [reaching.contact("u1", **browser(browsers, number)) for number in range(8)]
    await asyncio.gather(*phones, *pushes)

    kinds = [each["kind"] for each in await listed(reaching)]
    assert (kinds.count("phone"), kinds.count("push")) == (1, 3)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "phone", "address": "13800138000"},
        {"kind": "phone", "address": "+0138001380"},
        {"kind": "phone", "address": "+86138001380001234"},
        {"kind": "phone", "address": "+8613800138000\n"},
        {"kind": "phone"},
        {"kind": "phone", "address": "+8613800138000", "channel_id": "room"},
        {"kind": "chat"},
        {"kind": "chat", "channel_id": "room", "address": "<!channel>"},
        {"kind": "chat", "channel_id": "room", "address": "a b"},
        {"kind": "chat", "channel_id": "browsers", "address": "U1"},
        {"kind": "chat", "channel_id": "nothing", "address": "U1"},
        {"kind": "chat", "channel_id": "room", "address": "U1", "keys": KEYS},
        {"kind": "push", "channel_id": "room", "address": "https://push.example.com/1", "keys": KEYS},
        {"kind": "push", "channel_id": "browsers", "address": "https://push.example.com/1"},
        {"kind": "push", "channel_id": "browsers", "address": "http://10.0.0.1/", "keys": KEYS},
        {"kind": "push", "channel_id": "browsers", "address": "javascript:alert(1)", "keys": KEYS},
        {
            "kind": "push",
            "channel_id": "browsers",
            "address": "https://a.test/",
            "keys": {"p256dh": "A" * 87, "auth": AUTH},
        },
        {
            "kind": "push",
            "channel_id": "browsers",
            "address": "https://a.test/",
            "keys": {"p256dh": P256DH, "auth": "A" * 16},
        },
        {"kind": "pager", "address": "+8613800138000"},
    ],
)
async def test_what_is_refused(reaching, room, browsers, body):
    ids = {"room": room["id"], "browsers": browsers["id"], "nothing": "0198c0de-0000-7000-8000-000000000001"}
    if "channel_id" in body:
        body = body | {"channel_id": ids[body["channel_id"]]}
    await reaching.call("POST", "/v1/recipients/u1/contacts", body, 422)
    assert await listed(reaching) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "phone", "address": "13800138000"}, "address"),
        ({"kind": "phone"}, "address"),
        ({"kind": "chat", "address": "U024BE7LH"}, "channel_id"),
        ({"kind": "phone", "address": "+8613800138000", "keys": {"p256dh": P256DH, "auth": AUTH}}, "keys"),
    ],
)
async def test_a_refusal_points_at_the_field_that_is_meant(reaching, body, field):
    refused = await reaching.call("POST", "/v1/recipients/u1/contacts", body, 422)

    assert [each["pointer"] for each in refused["errors"]] == [f"/{field}"]


async def test_no_address_is_written_down_elsewhere(reaching, room, browsers):
    await reaching.contact("u1", kind="phone", address="+8613800138000")
    await reaching.contact("u1", kind="chat", channel_id=room["id"], address="U024BE7LH")
    made = await reaching.contact("u1", **browser(browsers, "secret-path"))
    audit = json.dumps(await reaching.call("GET", "/v1/audit"))
    async with reaching.service.db.transaction(Context(workspace="acme")) as session:
        keys = await session.scalar(text("SELECT sealed_keys FROM contact WHERE kind = 'push'"))

    for secret in ("13800138000", "U024BE7LH", "secret-path", AUTH):
        assert secret not in audit
    assert AUTH not in keys
    assert "secret-path" not in json.dumps(made)


async def test_a_persons_own_token_opens_their_own_contacts_alone(reaching, browsers):
    token = await reaching.service.user("u1")
    path = "/v1/recipients/{}/contacts"
    client = reaching.service.client
    made = await client.post(path.format("u1"), json=browser(browsers), headers=token)
    assert made.status_code == 201, made.text
    own = await client.get(path.format("u1"), headers=token)
    assert [each["id"] for each in own.json()["items"]] == [made.json()["id"]]
    for method, body in (("GET", None), ("POST", browser(browsers))):
        foreign = await client.request(method, path.format("u2"), json=body, headers=token)
        assert foreign.status_code == 404
    one = f"{path.format('u1')}/{made.json()['id']}"
    assert (await client.get(one, headers=token)).status_code == 200
    assert (await client.delete(one, headers=token)).status_code == 403


async def test_another_workspace_sees_nothing_of_it(reaching, room):
    made = await reaching.contact("u1", kind="phone", address="+8613800138000")
    foreign = await reaching.service.key(workspace="other")
    client = reaching.service.client
    path = f"/v1/recipients/u1/contacts/{made['id']}"
    for method in ("GET", "DELETE"):
        assert (await client.request(method, path, headers=foreign)).status_code == 404
    assert (await client.get("/v1/recipients/u1/contacts", headers=foreign)).status_code == 404
    body = {"kind": "chat", "channel_id": room["id"]}
    assert (await client.post("/v1/recipients/u1/contacts", json=body, headers=foreign)).status_code == 422


async def test_a_channel_takes_its_contacts_with_it(reaching, room):
    await reaching.contact("u1", kind="chat", channel_id=room["id"], address="U1")
    phone = await reaching.contact("u1", kind="phone", address="+8613800138000")
    await reaching.call("DELETE", f"/v1/channels/{room['id']}", status=204)
    assert [each["id"] for each in await listed(reaching)] == [phone["id"]]


async def test_who_is_erased_is_reached_nowhere(reaching, room, browsers):
    for user, number in (("u1", 1), ("u2", 2)):
        await reaching.contact(user, kind="phone", address="+8613800138000")
        await reaching.contact(user, kind="chat", channel_id=room["id"], address="U1")
        await reaching.contact(user, **browser(browsers, number))
    await deliver(
        reaching.service.db, ERASURES, make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    )

    assert await listed(reaching) == []
    assert len(await listed(reaching, "u2")) == 3


async def test_ids_with_slashes_are_one_person(reaching):
    made = await reaching.contact("org%2Falice", kind="phone", address="+8613800138000")
    assert made["user_id"] == "org/alice"
    assert [each["id"] for each in await listed(reaching, "org%2Falice")] == [made["id"]]


@pytest.mark.parametrize(
    ("kind", "channel", "is_fine"),
    [("chat", "slack", True), ("push", "web_push", True), ("chat", "web_push", False), ("push", "sms_http", False)],
)
def test_a_contact_is_of_a_channel_of_its_own_sort(kind, channel, is_fine):
    if is_fine:
        require_channel(ContactKind(kind), channel)
        return
    with pytest.raises(Invalid):
        require_channel(ContactKind(kind), channel)


async def test_of_somebody_unknown_nothing_is_listed_and_of_somebody_known_nothing_yet(reaching):
    await reaching.call("GET", "/v1/recipients/nobody/contacts", status=404)
    await reaching.call("PUT", "/v1/recipients/known", {})
    assert (await reaching.call("GET", "/v1/recipients/known/contacts", status=200))["items"] == []
    await reaching.contact("new", kind="phone", address="+8613800138000")
    assert len((await reaching.call("GET", "/v1/recipients/new/contacts", status=200))["items"]) == 1
    token = await reaching.service.user("nobody")
    answer = await reaching.service.client.get("/v1/recipients/nobody/contacts", headers=token)
    assert (answer.status_code, answer.json()["items"]) == (200, [])
