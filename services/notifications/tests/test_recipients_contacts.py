"""Recipients follow what traits say, and never against what somebody put by hand."""

from uuid import uuid4

import pytest

from opsloop_common.contracts.users import UserContactChanged
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.consent.consumers import CONTACTS

PATH = "/v1/recipients/u1"


class Book:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def hear(self, *, workspace="acme", **told):
        data = UserContactChanged(contact_id=uuid4(), user_id="u1", **told)
        event = make_event(data, workspace=workspace)
        for _ in range(2):  # as a bus may
            await deliver(self.service.db, CONTACTS, event)

    async def put(self, **body):
        answer = await self.service.client.put(PATH, json=body, headers=self.key)
        assert answer.status_code in (200, 201), answer.text

    async def shown(self):
        answer = await self.service.client.get(PATH, headers=self.key)
        if answer.status_code == 404:
            return None
        return tuple(answer.json()[name] for name in ("email", "locale", "is_by_hand"))


@pytest.fixture
async def book(service):
    return Book(service, await service.key())


async def test_a_recipient_comes_and_follows_field_by_field(book):
    await book.hear(email="a@example.test")
    assert await book.shown() == ("a@example.test", None, False)
    await book.hear(locale="zh-CN")
    assert await book.shown() == ("a@example.test", "zh-CN", False)
    await book.hear(email="b@example.test")
    assert await book.shown() == ("b@example.test", "zh-CN", False)


@pytest.mark.parametrize("put", [{"email": "hand@example.test", "locale": "fr"}, {"locale": "fr"}, {}])
async def test_what_was_put_stays_also_that_there_is_no_address(book, put):
    for first in (book.put(**put), book.hear(email="a@example.test", locale="en")):
        await first

    assert await book.shown() == (put.get("email"), put.get("locale"), True)


async def test_whoever_puts_takes_over(book):
    await book.hear(email="a@example.test")
    await book.put(email="hand@example.test")
    await book.hear(email="b@example.test")

    assert await book.shown() == ("hand@example.test", None, True)


@pytest.mark.parametrize("is_by_hand", [True, False])
async def test_of_who_was_erased_nothing_stays_in_any_case(book, is_by_hand):
    await (book.put(email="a@example.test") if is_by_hand else book.hear(email="a@example.test"))

    await book.hear(is_gone=True)

    assert await book.shown() is None


async def test_a_foreign_workspace_sees_nothing(book):
    await book.hear(email="a@example.test", workspace="other")

    assert await book.shown() is None


async def test_a_change_of_traits_is_in_the_audit_log_without_the_address(book):
    await book.hear(email="a@example.test")
    await book.hear(email="b@example.test")

    admin = await book.service.key("notifications:admin")
    log = (await book.service.client.get("/v1/audit", headers=admin)).json()["items"]
    assert {"recipient.created", "recipient.updated"} <= {entry["action"] for entry in log}
    assert "@example.test" not in str(log)
