"""Addresses that get nothing: kept, listed, lifted, told; and what stays of one whose owner was erased."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.contracts.users import UserContactChanged, UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.consent.consumers import CONTACTS
from opsloop_notifications.messages.consumers import ERASURES, MESSAGES
from opsloop_notifications.suppressions.rules import fingerprint
from opsloop_notifications.suppressions.service import suppress

PATH = "/v1/suppressions"
ADDRESS = "u1@example.test"


def asked(user):
    content = MessageContent(locale="en", subject="Hello", body="hello")
    ids = {"campaign_id": uuid4(), "message_id": uuid4()}
    return make_event(MessageRequested(**ids, channel="email", user_ids=[user], contents=[content]))


class Book:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path=PATH, status=200, *, headers=None, **options):
        given = self.key | (headers or {})
        answer = await self.service.client.request(method, path, headers=given, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def add(self, address=ADDRESS, status=201, **fields):
        return await self.call("POST", status=status, json={"address": address} | fields)

    async def addresses(self, **query):
        return [item["address"] for item in (await self.call("GET", params=query))["items"]]

    async def person(self, user="u1", email=ADDRESS):
        await self.call("PUT", f"/v1/recipients/{user}", 201, json={"email": email})

    async def state(self, user="u1"):
        return (await self.call("GET", f"/v1/recipients/{user}"))["state"]

    async def told(self):
        return [event for event in await self.service.events() if event.type == "recipient.suppressed"]


@pytest.fixture
async def book(service):
    return Book(service, await service.key())


async def test_one_is_added_shown_found_and_lifted(book):
    made = await book.add(reason="complaint", note="called us")
    await book.add("u2@example.test")

    assert (made["channel"], made["address"], made["reason"], made["note"]) == (
        "email", ADDRESS, "complaint", "called us",
    )  # fmt: skip
    assert await book.call("GET", f"{PATH}/{made['id']}") == made
    assert await book.addresses() == ["u2@example.test", ADDRESS]
    assert await book.addresses(address=ADDRESS.upper()) == [ADDRESS]
    assert await book.addresses(reason="manual") == ["u2@example.test"]
    await book.call("DELETE", f"{PATH}/{made['id']}", 412, headers={"If-Match": '"7"'})
    await book.call("DELETE", f"{PATH}/{made['id']}", 204)
    await book.call("GET", f"{PATH}/{made['id']}", 404)
    assert await book.addresses() == ["u2@example.test"]


async def test_an_address_is_there_once_whatever_its_case_and_keeps_its_first_reason(book):
    first = await book.add(reason="hard_bounce")
    again = await book.add(ADDRESS.upper(), 200, reason="manual")

    assert again == first


@pytest.mark.parametrize(
    "body",
    [{}, {"address": "nobody"}, {"address": ADDRESS, "reason": "mood"}, {"address": ADDRESS, "note": ""}, []],
)
async def test_malformed(book, body):
    await book.call("POST", status=422, json=body)


async def test_who_may(book, service):
    made = await book.add()
    reader = Book(service, await service.key("notifications:read"))
    theirs = Book(service, await service.key(workspace="b"))

    await reader.add(status=403)
    await reader.call("DELETE", f"{PATH}/{made['id']}", 403)
    await theirs.call("GET", f"{PATH}/{made['id']}", 404)
    await theirs.call("DELETE", f"{PATH}/{made['id']}", 404)
    assert await theirs.addresses() == []
    assert (await service.client.get(PATH)).status_code == 401
    await theirs.add()


@pytest.mark.parametrize(
    ("reason", "state"),
    [("hard_bounce", "bounced"), ("complaint", "complained"), ("manual", "confirmed"), ("unsubscribe", "confirmed")],
)
async def test_all_who_have_the_address_are_told_of_and_marked_until_it_is_lifted(book, reason, state):
    await book.person("u1")
    await book.person("u2", ADDRESS.upper())
    await book.person("else", "else@example.test")

    made = await book.add(reason=reason)

    assert [await book.state(user) for user in ("u1", "u2", "else")] == [state, state, "confirmed"]
    told = await book.told()
    assert {(event.data["user_id"], event.data["reason"]) for event in told} == {("u1", reason), ("u2", reason)}
    assert all(event.data["suppression_id"] == made["id"] for event in told)
    assert "example.test" not in str([event.document() for event in told]).lower()
    await book.call("DELETE", f"{PATH}/{made['id']}", 204)
    assert [await book.state(user) for user in ("u1", "u2")] == ["confirmed", "confirmed"]


async def test_another_address_than_the_one_that_bounced_counts_as_confirmed(book):
    await book.person()
    await book.add(reason="hard_bounce")

    await book.call("PATCH", "/v1/recipients/u1", json={"locale": "en"})
    assert await book.state() == "bounced"
    await book.call("PATCH", "/v1/recipients/u1", json={"email": "new@example.test"})
    assert await book.state() == "confirmed"


async def test_two_at_once_are_one_and_are_told_once(book):
    await book.person()

    async def once():
        async with book.service.db.transaction(Context(workspace="acme")) as session:
            return (await suppress(session, ADDRESS, "manual"))[1]

    assert [await once(), await once()] == ["added", "known"]
    assert len(await book.told()) == 1


async def test_of_who_was_erased_the_address_goes_and_still_gets_nothing(book):
    await book.person()
    await book.add(note="on the phone")

    erased = make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    for _ in range(2):
        await deliver(book.service.db, ERASURES, erased)

    (left,) = (await book.call("GET"))["items"]
    assert (left["address"], left["note"], left["reason"]) == (None, None, "manual")
    await book.add(ADDRESS, 200)
    async with book.service.db.transaction(Context(workspace="acme")) as session:
        rows = list(await session.scalars(text("SELECT t::text FROM suppression AS t")))
        events = list(await session.scalars(text("SELECT o::text FROM outbox AS o")))
    assert "u1@" not in str(rows)
    assert '"u1"' not in str([event for event in events if "recipient.suppressed" in event])


@pytest.mark.parametrize("first", ["user.erased", "user.contact_changed"])
async def test_in_whichever_order_it_is_heard_no_address_of_theirs_stays(book, first):
    await book.person("u1", "old@example.test")
    await deliver(book.service.db, MESSAGES, asked("u1"))
    await book.call("PATCH", "/v1/recipients/u1", json={"email": "new@example.test"})
    for address in ("old@example.test", "new@example.test", "else@example.test"):
        await book.add(address)
    told = {
        "user.erased": (ERASURES, make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))),
        "user.contact_changed": (
            CONTACTS, make_event(UserContactChanged(contact_id=uuid4(), user_id="u1", is_gone=True)),
        ),
    }  # fmt: skip

    for kind in sorted(told, key=lambda kind: kind != first):
        await deliver(book.service.db, *told[kind])

    assert await book.addresses() == ["else@example.test", None, None]


async def test_the_audit_log_names_no_address(book):
    made = await book.add(note="on the phone")
    await book.call("DELETE", f"{PATH}/{made['id']}", 204)

    admin = Book(book.service, await book.service.key("notifications:admin"))
    log = (await admin.call("GET", "/v1/audit"))["items"]
    assert {"suppression.created", "suppression.deleted"} <= {entry["action"] for entry in log}
    assert ADDRESS not in str(log)
    assert "on the phone" not in str(log)


def test_a_fingerprint_knows_an_address_again_in_its_workspace_alone():
    assert fingerprint("acme", "A@Example.test") == fingerprint("acme", "a@example.test")
    assert fingerprint("acme", "a@example.test") != fingerprint("other", "a@example.test")
    assert fingerprint("acme", "a@example.test") != fingerprint("acme", "b@example.test")
    assert b"example" not in fingerprint("acme", "a@example.test")


@pytest.mark.parametrize("reason", ["hard_bounce", "soft_bounce", "complaint", "manual"])
async def test_what_is_heard_later_takes_the_place_of_a_wish_and_of_nothing_else(book, reason):
    await book.person()
    wish = await book.add(reason="unsubscribe", note="by phone")

    made = await book.add(reason=reason, status=200)
    for less in ("unsubscribe", "manual"):
        assert (await book.add(reason=less, status=200))["reason"] == reason

    assert (made["id"], made["reason"], made["note"]) == (wish["id"], reason, "by phone")
    told = [event.data["reason"] for event in await book.told()]
    assert told == ["unsubscribe", reason]
