"""Whose word goes over whose: what servers say is written to, what a browser says waits beside for the owner's yes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from opsloop_common.contracts.users import ContactClaim, UserContactChanged
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.consent.consumers import CONTACTS
from opsloop_notifications.settings import NotificationsSettings

PATH = "/v1/recipients/u1"
ASK = f"{PATH}/confirmation"
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
A, B, C = (f"{each}@example.test" for each in "abc")


class Book:
    """Recipients as those who tell of them and those who ask for them see them."""

    def __init__(self, service, key):
        self.service, self.key = service, key

    async def hear(self, *, source="feedback/partner", by=None, minutes=0, workspace="acme", user="u1", **said):
        about = {"contact_id": uuid4(), "user_id": user, "source": source, "said_at": NOW + timedelta(minutes=minutes)}
        told = {"claim": ContactClaim(by=by, **said)} if by else said
        event = make_event(UserContactChanged(**about, **told), workspace=workspace)
        for _ in range(2):  # as a bus may
            await deliver(self.service.db, CONTACTS, event)

    async def call(self, method, path=PATH, status=200, **options):
        answer = await self.service.client.request(method, path, headers=self.key, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def shown(self):
        """Return address, state and source, and the address that is claimed beside."""
        found = await self.call("GET")
        return (
            *(found[name] for name in ("email", "state", "source")),
            found["unconfirmed"] and found["unconfirmed"]["email"],
        )

    async def confirm(self, status=200):
        """Ask, and answer as the owner of the mailbox does; returns where the question went."""
        made = await self.call("POST", ASK, 202)
        [row] = (await self.call("GET", f"/v1/notifications?message_id={made['message_id']}"))["items"]
        assert row["status"] == "pending", row
        async with self.service.db.transaction(Context(workspace="acme")) as session:
            given = {"id": made["message_id"]}
            address = await session.scalar(text("SELECT address FROM notification WHERE message_id = :id"), given)
            contents = await session.scalar(text("SELECT contents::text FROM message WHERE id = :id"), given)
        parts = urlsplit(re.search(r"https://[^\\\s]+", contents)[0])
        answer = await self.service.client.post(f"{parts.path}?{parts.query}", data={"a": "b"})
        assert answer.status_code == status, answer.text
        return address

    async def tell(self):
        """Write to the person; returns what came of it and why."""
        contents = [{"locale": "en", "email": {"subject": "s", "body": "b"}}]
        body = {"user_ids": ["u1"], "channels": ["email"], "contents": contents}
        made = await self.call("POST", "/v1/messages", 201, json=body)
        [row] = (await self.call("GET", f"/v1/notifications?message_id={made['id']}"))["items"]
        return row["status"], row["reason"]


@pytest.fixture
async def book(api):
    service = await api(SERVICE, settings_for_tests(NotificationsSettings, public_url="https://ops.example.test"))
    return Book(service, await service.key())


async def test_an_author_whom_a_partner_names_is_reached(book):
    await book.hear(email=A, locale="zh-CN", full_name="小明")

    found = await book.call("GET")
    assert (found["email"], found["state"], found["source"]) == (A, "confirmed", "feedback/partner")
    assert (found["locale"], found["name"], found["unconfirmed"], found["is_by_hand"]) == ("zh-CN", "小明", None, False)
    assert await book.tell() == ("pending", None)


@pytest.mark.parametrize("by", ["user", "visitor"])
async def test_what_a_browser_says_gets_nothing_before_its_owner_said_yes(book, by):
    await book.hear(by=by, source="feedback/site", email=A)
    assert await book.shown() == (A, "unconfirmed", "feedback/site", None)
    assert await book.tell() == ("failed", "not_confirmed")

    assert await book.confirm() == A

    assert await book.shown() == (A, "confirmed", "feedback/site", None)
    assert (await book.call("GET"))["consent"]["source"] == "double opt-in"
    assert await book.tell() == ("pending", None)


@pytest.mark.parametrize("first", ["traits", "feedback/partner"])
async def test_a_claim_never_replaces_a_confirmed_address_and_stands_beside_it(book, first):
    await book.hear(source=first, email=A)
    await book.hear(by="visitor", source="feedback/site", email=B, minutes=9)

    assert await book.shown() == (A, "confirmed", first, B)
    beside = (await book.call("GET"))["unconfirmed"]
    assert (beside["source"], beside["by"], beside["at"]) == ("feedback/site", "visitor", "2026-11-22T08:09:00Z")
    await book.call("POST", ASK, 409)
    assert await book.tell() == ("pending", None)


async def test_who_is_signed_in_may_claim_another_and_gets_it_once_the_mailbox_said_yes(book):
    await book.hear(source="traits", email=A)
    await book.hear(by="user", source="feedback/users", email=B)
    assert await book.shown() == (A, "confirmed", "traits", B)

    assert await book.confirm() == B

    assert await book.shown() == (B, "confirmed", "feedback/users", None)


async def test_a_question_of_a_claim_that_is_another_by_now_confirms_nothing(book):
    await book.hear(source="traits", email=A)
    await book.hear(by="user", source="feedback/users", email=B)
    made = await book.call("POST", ASK, 202)
    async with book.service.db.transaction(Context(workspace="acme")) as session:
        contents = await session.scalar(
            text("SELECT contents::text FROM message WHERE id = :id"), {"id": made["message_id"]}
        )
    parts = urlsplit(re.search(r"https://[^\\\s]+", contents)[0])
    await book.hear(by="user", source="feedback/users", email=C, minutes=1)

    answer = await book.service.client.post(f"{parts.path}?{parts.query}", data={"a": "b"})

    assert answer.status_code == 410
    assert await book.shown() == (A, "confirmed", "traits", C)


@pytest.mark.parametrize("put", [{"email": A}, {}])
async def test_what_was_put_stays_and_a_claim_stands_beside_until_it_is_put_too(book, put):
    await book.call("PUT", status=201, json=put)
    await book.hear(by="visitor", source="feedback/site", email=B, locale="fr", full_name="E")
    assert await book.shown() == (put.get("email"), "confirmed", "api", B)
    assert (await book.call("GET"))["locale"] is None

    await book.call("PATCH", json={"email": B})

    assert await book.shown() == (B, "confirmed", "api", None)


async def test_a_claim_beside_no_address_is_asked_for(book):
    await book.call("PUT", status=201, json={"email": None})
    await book.hear(by="visitor", source="feedback/site", email=B)

    assert await book.confirm() == B

    assert await book.shown() == (B, "confirmed", "feedback/site", None)


async def test_in_whichever_order_they_come_servers_win(book):
    await book.hear(by="visitor", source="feedback/site", email=B, minutes=9)
    await book.hear(email=A, minutes=-9)
    assert await book.shown() == (A, "confirmed", "feedback/partner", B)

    await book.hear(source="traits", email=C, minutes=-60)
    assert await book.shown() == (C, "confirmed", "traits", B)


async def test_what_is_older_does_not_replace_what_is_newer(book):
    await book.hear(email=A, locale="en", full_name="New", minutes=5)
    await book.hear(email=B, locale="fr", full_name="Old", minutes=-5)

    found = await book.call("GET")
    assert (found["email"], found["locale"], found["name"]) == (A, "en", "New")


async def test_one_partner_does_not_replace_what_another_said(book):
    await book.hear(email=A)
    await book.hear(source="feedback/other", email=B, minutes=9)
    assert await book.shown() == (A, "confirmed", "feedback/partner", None)

    await book.hear(email=C, minutes=9)
    assert await book.shown() == (C, "confirmed", "feedback/partner", None)


async def test_who_bounced_is_reached_again_where_anybody_knows_another_address(book):
    await book.hear(email=A)
    await book.call("POST", "/v1/suppressions", 201, json={"address": A, "reason": "hard_bounce"})

    await book.hear(email=A, minutes=1)
    assert (await book.shown())[:2] == (A, "bounced")
    await book.hear(source="feedback/other", email=B)
    assert await book.shown() == (B, "confirmed", "feedback/other", None)


async def test_of_who_was_erased_no_claim_stays_either(book):
    await book.hear(source="traits", email=A)
    await book.hear(by="visitor", source="feedback/site", email=B)

    gone = UserContactChanged(contact_id=uuid4(), user_id="u1", is_gone=True)
    await deliver(book.service.db, CONTACTS, make_event(gone))

    await book.call("GET", status=404)


async def test_a_foreign_workspace_hears_nothing(book):
    await book.hear(by="visitor", source="feedback/site", email=A, workspace="other")

    await book.call("GET", status=404)


async def test_what_says_nothing_makes_nobody(book):
    await book.hear()

    await book.call("GET", status=404)


@pytest.mark.parametrize(
    "broken", [{"claim": {}}, {"claim": {"by": "nobody", "email": A}}, {"said_at": "tomorrow"}, {"user_id": None}]
)
async def test_what_cannot_be_read_is_poison_and_changes_nothing(book, broken):
    await book.hear(email=A)
    event = make_event(UserContactChanged(contact_id=uuid4(), user_id="u1", email=B))

    with pytest.raises(ValidationError):
        await deliver(book.service.db, CONTACTS, event.model_copy(update={"data": event.data | broken}))

    assert await book.shown() == (A, "confirmed", "feedback/partner", None)


async def test_a_claim_is_in_the_audit_log_without_the_address(book):
    await book.hear(source="traits", email=A)
    await book.hear(by="visitor", source="feedback/site", email=B)

    log = await book.service.client.get("/v1/audit", headers=await book.service.key("notifications:admin"))
    assert {"recipient.updated", "recipient.created"} <= {entry["action"] for entry in log.json()["items"]}
    assert "@example.test" not in log.text
