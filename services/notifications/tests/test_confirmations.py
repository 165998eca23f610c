"""Double opt-in: an unconfirmed address gets the question alone; GET shows it, POST answers it."""

import asyncio
import re
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.http import settings_for_tests
from opsloop_common.testing.ids import GOOD_IDS
from opsloop_notifications.app import SERVICE
from opsloop_notifications.confirmations.rules import LIVES, question
from opsloop_notifications.settings import NotificationsSettings

EMAIL = "u1@example.test"
ASK = "/v1/recipients/u1/confirmation"


class Person:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path, status=200, **options):
        answer = await self.service.client.request(method, path, headers=self.key, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def put(self, user="u1", **fields):
        body = {"email": EMAIL, "state": "unconfirmed"} | fields
        await self.call("PUT", f"/v1/recipients/{user}", 201, json=body)

    async def state(self):
        return (await self.call("GET", "/v1/recipients/u1"))["state"]

    async def asked(self):
        """Ask, and return the way to the page that stands in the mail."""
        made = await self.call("POST", ASK, 202)
        (row,) = (await self.call("GET", f"/v1/notifications?message_id={made['message_id']}"))["items"]
        assert (row["status"], row["topic"], row["campaign_id"]) == ("pending", "@confirmation", None)
        async with self.service.db.transaction(Context(workspace="acme")) as session:
            found = await session.scalars(
                text("SELECT contents::text FROM message WHERE id = :id"), {"id": made["message_id"]}
            )
            contents = found.one()
        parts = urlsplit(re.search(r"https://[^\\\s]+", contents)[0])
        return f"{parts.path}?{parts.query}"

    async def open(self, link, status=200):
        answer = await self.service.client.get(link)
        assert answer.status_code == status, answer.text
        return answer.text

    async def answer(self, link, status=200, **options):
        answer = await self.service.client.post(link, **{"data": {"a": "b"}} | options)
        assert answer.status_code == status, answer.text
        return answer.text


@pytest.fixture
async def person(api):
    settings = settings_for_tests(NotificationsSettings, public_url="https://ops.example.test")
    service = await api(SERVICE, settings)
    made = Person(service, await service.key())
    await made.put()
    return made


async def test_a_get_shows_the_address_and_a_post_confirms_it(person):
    link = await person.asked()

    page = await person.open(link)
    assert EMAIL in page
    assert "这是您的邮箱地址吗" in page
    assert await person.state() == "unconfirmed"

    for _ in range(2):
        assert "已确认" in await person.answer(link)
    assert await person.state() == "confirmed"


async def test_it_is_asked_once_an_hour_and_only_of_who_is_not_known(person):
    await person.asked()
    await person.call("POST", ASK, 409)
    person.service.clock.advance(3601)
    await person.asked()

    await person.call("PATCH", "/v1/recipients/u1", json={"state": "confirmed"})
    person.service.clock.advance(3601)
    await person.call("POST", ASK, 409)
    await person.call("PATCH", "/v1/recipients/u1", json={"email": None, "state": "unconfirmed"})
    await person.call("POST", ASK, 409)
    await person.call("POST", "/v1/recipients/nobody/confirmation", 404)


async def test_a_mailbox_is_asked_three_times_a_day_and_about_somebody_else_on_another(person):
    await person.put("u2", email=EMAIL.upper())
    other = "/v1/recipients/u2/confirmation"
    for _ in range(3):
        await person.asked()
        await person.call("POST", other, 409)
        person.service.clock.advance(3601)
    await person.call("POST", ASK, 409)
    await person.call("POST", other, 409)

    person.service.clock.advance(22 * 3600)

    await person.call("POST", other, 202)
    await person.call("POST", ASK, 409)


async def test_many_who_ask_at_once_ask_a_mailbox_once(person):
    users = [f"v{n}" for n in range(6)]
    for user in users:
        await person.put(user)

    asked = [person.service.client.post(f"/v1/recipients/{user}/confirmation", headers=person.key) for user in users]
    answers = await asyncio.gather(*asked)

    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    rows = (await person.call("GET", "/v1/notifications"))["items"]
    assert len(rows) == 1


async def test_each_workspace_asks_a_mailbox_by_itself(person):
    theirs = Person(person.service, await person.service.key(workspace="b"))
    await theirs.put()

    await person.asked()

    await theirs.call("POST", ASK, 202)
    await theirs.call("POST", ASK, 409)


async def test_how_often_it_was_asked_is_forgotten_and_no_address_stands_there(person):
    await person.asked()
    assert EMAIL not in str(await counted(person)) != "[]"

    person.service.clock.advance(31 * 24 * 3600)
    await run_recurring(person.service.db, SERVICE.due)

    assert await counted(person) == []


async def counted(person):
    async with person.service.db.transaction(Context(workspace="acme")) as session:
        return list(await session.scalars(text("SELECT c::text FROM confirmation AS c")))


async def test_a_link_ends_after_seven_days(person):
    link = await person.asked()
    person.service.clock.advance(LIVES.total_seconds() + 1)

    await person.answer(link, 410)

    assert await person.state() == "unconfirmed"


async def test_a_link_confirms_the_address_that_it_went_to_and_no_other(person):
    link = await person.asked()
    await person.call("PATCH", "/v1/recipients/u1", json={"email": "new@example.test", "state": "unconfirmed"})

    await person.answer(link, 410)

    assert await person.state() == "unconfirmed"


async def test_it_brings_nobody_back_who_bounced(person):
    link = await person.asked()
    body = {"address": EMAIL, "reason": "hard_bounce"}
    await person.call("POST", "/v1/suppressions", 201, json=body)

    await person.answer(link)

    assert await person.state() == "bounced"


async def test_who_is_gone_is_not_confirmed(person):
    link = await person.asked()
    await person.call("DELETE", "/v1/recipients/u1", 204)

    await person.answer(link, 410)


@pytest.mark.parametrize(
    "change", [lambda link: link[:-2], lambda link: link.partition("?")[0], lambda link: f"{link}x"]
)
async def test_a_link_that_is_none_of_ours_opens_nothing(person, change):
    link = change(await person.asked())

    await person.open(link, 404)
    await person.answer(link, 404)


async def test_a_link_opens_nothing_in_another_workspace(person):
    link = (await person.asked()).replace("/p/acme/", "/p/other/")

    await person.open(link, 404)
    await person.answer(link, 404)


async def test_a_form_from_another_site_is_refused(person):
    await person.answer(await person.asked(), 403, headers={"sec-fetch-site": "cross-site"})

    assert await person.state() == "unconfirmed"


async def test_who_may(person):
    reader = Person(person.service, await person.service.key("notifications:read"))
    theirs = Person(person.service, await person.service.key(workspace="b"))

    await reader.call("POST", ASK, 403)
    await theirs.call("POST", ASK, 404)
    assert (await person.service.client.post(ASK)).status_code == 401


async def test_whoever_has_an_id_can_be_asked(person):
    for number, id in enumerate(GOOD_IDS):
        await person.call("DELETE", f"/v1/recipients/{quote(id, safe='')}", 204 if id == "u1" else 404)
        await person.put(quote(id, safe=""), email=f"u{number}@example.test")
        await person.call("POST", f"/v1/recipients/{quote(id, safe='')}/confirmation", 202)


async def test_without_a_public_address_nobody_can_be_asked(service):
    person = Person(service, await service.key())
    await person.put()

    await person.call("POST", ASK, 409)


def test_the_question_is_in_both_languages_with_the_link():
    contents = question("https://x.test/p")

    assert [each["locale"] for each in contents] == ["en", "zh-CN"]
    assert all("https://x.test/p\n" in each["body"] for each in contents)
