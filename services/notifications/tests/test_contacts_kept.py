"""What is kept of where people are reached: which channel they go by, through which keys, how many, and what is left of them."""

import json
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.resealing import reseal
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.contacts import service as contacts
from opsloop_notifications.contacts.slice import SLICE
from opsloop_notifications.messages.consumers import ERASURES
from services.notifications.tests.test_channels import BODIES
from services.notifications.tests.test_contacts import KEYS, browser, browsers, listed, room

__all__ = ["browsers", "room"]  # fixtures

ACME = Context(workspace="acme")
NUMBER = "+8613800138000"


async def asked(reaching, ask, *given, **named):
    async with reaching.service.db.transaction(ACME) as session:
        return await ask(session, *given, **named)


async def targets(reaching, secrets, user="u1"):
    found = await asked(reaching, contacts.find_for, user, "push")
    return [contacts.target_of(each, secrets) for each in found]


async def test_a_person_is_reached_by_what_is_enabled_and_has_an_address_of_theirs(reaching, room, browsers):
    await reaching.contact("u1", kind="phone", address=NUMBER)
    await reaching.contact("u1", kind="chat", channel_id=room["id"], address="U1")
    await reaching.contact("u1", **browser(browsers))
    assert await asked(reaching, contacts.channels_of, "u1") == ["chat", "push"]  # there is no provider of SMS yet

    sms = await reaching.add("sms_http", **BODIES["sms_http"])
    assert await asked(reaching, contacts.channels_of, "u1") == ["chat", "sms", "push"]
    for each in (room, sms):
        await reaching.call("PATCH", f"/v1/channels/{each['id']}", {"status": "disabled"})
    assert await asked(reaching, contacts.channels_of, "u1") == ["push"]
    assert await asked(reaching, contacts.channels_of, "u2") == []
    assert len(await listed(reaching)) == 3


async def test_of_a_number_the_address_is_told_and_of_a_browser_only_that_there_is_one(reaching, browsers):
    sms = await reaching.add("sms_http", **BODIES["sms_http"])
    await reaching.contact("u1", kind="phone", address=NUMBER)
    await reaching.contact("u1", **browser(browsers, "secret-path"))
    phones = await asked(reaching, contacts.reach_by, "sms", ["u1", "u2"])
    pushes = await asked(reaching, contacts.reach_by, "push", ["u1", "u2"])

    assert (phones.is_configured, phones.people) == (True, {"u1": (UUID(sms["id"]), NUMBER)})
    assert (pushes.is_configured, pushes.people) == (True, {"u1": (UUID(browsers["id"]), "push")})
    assert await asked(reaching, contacts.reach_by, "chat", ["u1"]) == (False, {})


async def test_a_browser_is_called_with_its_own_keys_and_with_the_next_key_alone(reaching, browsers):
    await reaching.contact("u1", **browser(browsers, "secret-path"))
    old, words = reaching.service.runtime.secrets, "another secret of the operator's"
    before = await targets(reaching, old)
    done = await reseal(reaching.service.db, SecretBox(words, previous=[old._secret.decode()]), SLICE.sealed)

    assert (done.resealed, done.unreadable) == (1, 0)
    assert before == [contacts.Target("https://push.example.com/send/secret-path", KEYS)]
    assert await targets(reaching, SecretBox(words)) == before


async def test_a_browser_that_moves_takes_its_new_keys_and_channel_with_it(reaching, browsers):
    other = await reaching.add("web_push", **BODIES["web_push"])
    first = await reaching.contact("u1", **browser(browsers))
    fresh = KEYS | {"auth": "A" * 22}
    moved = await reaching.contact("u2", **browser(other, keys=fresh))

    assert (moved["id"], moved["user_id"], moved["channel_id"]) == (first["id"], "u2", other["id"])
    assert await targets(reaching, reaching.service.runtime.secrets) == []
    assert [each.keys for each in await targets(reaching, reaching.service.runtime.secrets, "u2")] == [fresh]
    await reaching.call("GET", f"/v1/recipients/u1/contacts/{first['id']}", status=404)


async def test_the_same_contact_twice_is_one_and_two_people_may_share_a_number(reaching, room):
    for user in ("u1", "u2"):
        phones = [await reaching.contact(user, kind="phone", address=NUMBER) for _ in range(2)]
        chats = [await reaching.contact(user, kind="chat", channel_id=room["id"], address="U1") for _ in range(2)]
        assert phones[0]["id"] == phones[1]["id"]
        assert chats[0]["id"] == chats[1]["id"]
        assert len(await listed(reaching, user)) == 2


async def test_the_same_browser_of_two_workspaces_is_two(reaching, browsers):
    mine = await reaching.contact("u1", **browser(browsers))
    key, client = await reaching.service.key(workspace="other"), reaching.service.client
    body = {"kind": "web_push", "name": "theirs"} | BODIES["web_push"]
    theirs = (await client.post("/v1/channels", json=body, headers=key)).json()
    answer = await client.post("/v1/recipients/u1/contacts", json=browser(theirs), headers=key)

    assert answer.status_code == 201
    assert answer.json()["id"] != mine["id"]
    assert await listed(reaching) == [mine]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "pager", "address": NUMBER}, "/kind"),
        ({"kind": "chat", "channel_id": "no id", "address": "U1"}, "/channel_id"),
        ({"kind": "chat", "channel_id": "browsers", "address": "U1"}, "/channel_id"),
        ({"kind": "push", "channel_id": "room", "address": "https://push.example.com/1", "keys": KEYS}, "/channel_id"),
        ({"kind": "push", "channel_id": "browsers", "address": "http://10.0.0.1/", "keys": KEYS}, "/address"),
        (
            {"kind": "push", "channel_id": "browsers", "address": "https://a.test/" + "a" * 2_000, "keys": KEYS},
            "/address",
        ),
        (
            {"kind": "push", "channel_id": "browsers", "address": "https://a.test/", "keys": {"auth": "A" * 22}},
            "/keys/p256dh",
        ),
        ({"kind": "phone", "address": ""}, "/address"),
        ({"kind": "phone", "address": NUMBER, "name": "Ann"}, "/name"),
    ],
)
async def test_what_is_refused_names_its_field(reaching, room, browsers, body, pointer):
    ids = {"room": room["id"], "browsers": browsers["id"]}
    if "channel_id" in body:
        body = body | {"channel_id": ids.get(body["channel_id"], body["channel_id"])}
    problem = await reaching.call("POST", "/v1/recipients/u1/contacts", body, 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert await listed(reaching) == []


async def test_they_are_listed_by_pages_newest_first(reaching, browsers):
    made = [await reaching.contact("u1", **browser(browsers, number)) for number in range(5)]
    found, cursor = [], ""
    while cursor is not None:
        page = await reaching.call("GET", f"/v1/recipients/u1/contacts?limit=2{cursor and f'&cursor={cursor}'}")
        found, cursor = found + page["items"], page["next_cursor"]

    assert found == made[::-1]


async def test_an_older_version_is_not_forgotten_and_the_present_one_is(reaching):
    made = await reaching.contact("u1", kind="phone", address=NUMBER)
    path, client = f"/v1/recipients/u1/contacts/{made['id']}", reaching.service.client
    old = (await client.get(path, headers=reaching.key)).headers["ETag"]
    await reaching.contact("u1", kind="phone", address="+33123456789")
    new = (await client.get(path, headers=reaching.key)).headers["ETag"]
    answers = [(await client.delete(path, headers=reaching.key | {"If-Match": tag})).status_code for tag in (old, new)]

    assert answers == [412, 204]


async def test_only_browsers_are_forgotten_when_nothing_takes_what_is_sent(reaching, room, browsers):
    phone = await reaching.contact("u1", kind="phone", address=NUMBER)
    chat = await reaching.contact("u1", kind="chat", channel_id=room["id"], address="U1")
    dead, alive = [await reaching.contact("u1", **browser(browsers, number)) for number in range(2)]
    await asked(reaching, contacts.forget_gone, [UUID(each["id"]) for each in (phone, chat, dead)])

    assert [each["id"] for each in await listed(reaching)] == [alive["id"], chat["id"], phone["id"]]


async def test_a_channel_takes_the_browsers_of_everybody_with_it_and_a_disabled_one_keeps_them(reaching, browsers):
    for number, user in enumerate(("u1", "u2")):
        await reaching.contact(user, **browser(browsers, number))
    await reaching.call("PATCH", f"/v1/channels/{browsers['id']}", {"status": "disabled"})
    assert [len(await listed(reaching, user)) for user in ("u1", "u2")] == [1, 1]
    await reaching.contact("u3", **browser(browsers, 3))  # may be said before it is enabled again

    await reaching.call("DELETE", f"/v1/channels/{browsers['id']}", status=204)
    assert [await listed(reaching, user) for user in ("u1", "u2", "u3")] == [[], [], []]


async def test_an_erasure_takes_every_id_of_a_person_and_nobody_of_another_workspace(reaching):
    for user in ("u1", "u1-before", "u2"):
        await reaching.contact(user, kind="phone", address=NUMBER)
    key, client = await reaching.service.key(workspace="other"), reaching.service.client
    phone, path = {"kind": "phone", "address": NUMBER}, "/v1/recipients/u1/contacts"
    assert (await client.post(path, json=phone, headers=key)).status_code == 201
    erased = UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1", "u1-before"])
    await deliver(reaching.service.db, ERASURES, make_event(erased))

    assert [len(await listed(reaching, user)) for user in ("u1", "u1-before", "u2")] == [0, 0, 1]
    assert len((await client.get(path, headers=key)).json()["items"]) == 1
    assert "13800138000" not in json.dumps(await reaching.call("GET", "/v1/audit"))


async def test_a_token_of_another_workspaces_person_of_the_same_id_opens_nothing(reaching):
    made = await reaching.contact("u1", kind="phone", address=NUMBER)
    token = await reaching.service.user("u1", workspace="other")
    path, client = "/v1/recipients/u1/contacts", reaching.service.client

    assert (await client.get(path, headers=token)).json()["items"] == []
    assert (await client.get(f"{path}/{made['id']}", headers=token)).status_code == 404


@pytest.mark.parametrize("wrong", ["kind = 'pager'", "kind = 'chat'", "sealed_keys = 'x'", "user_id = 'u2'"])
async def test_the_database_holds_a_contact_to_what_it_may_be(reaching, wrong):
    for user in ("u1", "u2"):
        await reaching.contact(user, kind="phone", address=NUMBER)
    with pytest.raises(IntegrityError):
        async with reaching.service.db.transaction(ACME) as session:
            await session.execute(text(f"UPDATE contact SET {wrong}"))
