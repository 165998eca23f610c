"""The author's page: GET shows how far we are and changes nothing, POST answers once, and only what is the author's is there."""

import asyncio
import re
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from opsloop_common.testing.http import settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.settings import FeedbackSettings
from opsloop_feedback.states.rules import Status
from opsloop_feedback.status_pages.rules import WORDS
from services.feedback.tests.conftest import Desk

PUBLIC = "https://ops.example.test"


class Reader:
    """Somebody with a link, and no key."""

    def __init__(self, desk):
        self.desk = desk

    async def link(self, id):
        parts = urlsplit((await self.desk.get(f"/v1/feedback/{id}/status-link"))["url"])
        assert f"{parts.scheme}://{parts.netloc}" == PUBLIC
        return f"{parts.path}?{parts.query}"

    async def open(self, link):
        answer = await self.desk.client.get(link)
        assert answer.status_code == 200, answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return answer.text

    async def send(self, link, body, status=200, nonce=None, **options):
        if nonce is None:
            nonce = re.search(r'name="nonce" value="([0-9a-f]{32})"', await self.open(link))[1]
        answer = await self.desk.client.post(link, data={"body": body, "nonce": nonce}, **options)
        assert answer.status_code == status, answer.text
        assert not answer.cookies
        return nonce

    async def say(self, id, body, kind="reply"):
        made = await self.desk.client.post(
            f"/v1/feedback/{id}/messages", json={"kind": kind, "body": body}, headers=self.desk.agent
        )
        assert made.status_code == 201

    async def said(self, id):
        return [each["body"] for each in (await self.desk.get(f"/v1/feedback/{id}/messages"))["items"]]


@pytest.fixture
async def reader(api):
    door = await api(SERVICE, settings_for_tests(FeedbackSettings, public_url=PUBLIC))
    return Reader(Desk(door, await door.key("feedback:read", "feedback:write")))


async def test_the_page_shows_the_state_and_what_was_said_and_takes_an_answer_once(reader):
    item = await reader.desk.post()
    link = await reader.link(item["id"])
    await reader.say(item["id"], "已修复\n<script>alert(1)</script>")
    await reader.say(item["id"], "only us", kind="note")
    await reader.desk.patch(item["id"], status="resolved")
    before = await reader.desk.get(f"/v1/feedback/{item['id']}")

    page = await reader.open(link)

    assert before == await reader.desk.get(f"/v1/feedback/{item['id']}")
    assert f"#{item['number']}" in page
    assert all(words in page for words in WORDS[Status.RESOLVED])
    assert "已修复<br>&lt;script&gt;" in page
    assert "<script" not in page
    assert "only us" not in page

    nonce = await reader.send(link, " 还是不行 ")
    await reader.send(link, " 还是不行 ", nonce=nonce)

    assert (await reader.desk.get(f"/v1/feedback/{item['id']}"))["status"] == "open"
    assert (await reader.said(item["id"])).count("还是不行") == 1
    assert "还是不行" in await reader.open(link)
    assert (await reader.desk.types()).count("feedback.reopened") == 1


async def test_of_what_was_merged_each_author_sees_their_own(reader):
    first, second = [(await reader.desk.post())["id"] for _ in range(2)]
    merged = await reader.desk.client.post(
        f"/v1/feedback/{first}/merge", json={"into": second}, headers=reader.desk.agent
    )
    assert merged.status_code == 200
    await reader.say(first, "to the first")
    await reader.say(second, "to the second")

    pages = [await reader.open(await reader.link(id)) for id in (first, second)]

    assert [("to the first" in page, "to the second" in page) for page in pages] == [(True, False), (False, True)]
    await reader.send(await reader.link(first), "from the first")
    assert (await reader.said(second))[0] == "from the first"


async def test_a_link_that_is_not_ours_opens_nothing(reader):
    link = await reader.link((await reader.desk.post())["id"])
    elsewhere = link.replace("/acme/", "/other/")
    changed = link[:-1] + ("A" if link[-1] != "A" else "B")
    page = "/p/acme/feedback"

    for bad in (elsewhere, changed, link[:-1], page, f"{page}?token=x", f"{page}?token={'%F0' * 9}"):
        assert (await reader.desk.client.get(bad)).status_code in (404, 422), bad
        sent = await reader.desk.client.post(bad, data={"body": "b", "nonce": "0" * 32})
        assert sent.status_code in (404, 422), bad


@pytest.mark.parametrize("body", ["", " \n", "x" * 10_001])
async def test_an_answer_that_is_none_is_refused(reader, body):
    item = await reader.desk.post()

    await reader.send(await reader.link(item["id"]), body, 422)
    await reader.send(await reader.link(item["id"]), "b", 422, nonce="mine")

    assert await reader.said(item["id"]) == []


async def test_no_other_site_answers_with_somebodys_link(reader):
    item = await reader.desk.post()
    link = await reader.link(item["id"])

    await reader.send(link, "b", 403, headers={"Origin": "https://evil.example"})

    assert await reader.said(item["id"]) == []


async def test_who_may_have_the_link(reader):
    item = await reader.desk.post()
    path = f"/v1/feedback/{item['id']}/status-link"
    door = reader.desk.api
    keys = [{}, await door.key("feedback:submit"), await door.key("feedback:read", workspace="other")]

    answers = [await door.client.get(path, headers=key) for key in keys]
    unknown = await door.client.get(f"/v1/feedback/{uuid4()}/status-link", headers=reader.desk.agent)

    assert [answer.status_code for answer in (*answers, unknown)] == [401, 403, 404, 404]


async def test_without_a_public_address_there_is_no_link(desk):
    item = await desk.post()

    assert await desk.get(f"/v1/feedback/{item['id']}/status-link") == {"url": None}


def test_every_state_has_words():
    assert WORDS.keys() == set(Status)


@pytest.mark.parametrize("status", ["open", "pending", "snoozed", "resolved", "closed"])
async def test_the_page_says_how_far_we_are_in_both_languages(reader, status):
    item = await reader.desk.post()
    await reader.desk.patch(item["id"], status=status)

    page = await reader.open(await reader.link(item["id"]))

    assert all(words in page for words in WORDS[Status(status)])
    assert '<meta name="robots" content="noindex">' in page


async def test_a_long_conversation_shows_its_newest_in_their_order(reader):
    item = await reader.desk.post()
    for number in range(52):
        await reader.say(item["id"], f"reply {number:02}")

    page = await reader.open(await reader.link(item["id"]))

    shown = re.findall(r"reply (\d\d)", page)
    assert shown == [f"{number:02}" for number in range(2, 52)]


async def test_what_is_no_form_is_no_answer(reader):
    item = await reader.desk.post()
    link = await reader.link(item["id"])

    for sent, status in (
        ({"json": {"body": "b", "nonce": "0" * 32}}, 415),
        ({"data": {"nonce": "0" * 32}}, 422),
        ({"data": {"body": "b"}}, 422),
        ({"data": {"body": "a\0b", "nonce": "0" * 32}}, 422),
        ({"data": {"body": "b", "nonce": "0" * 33}}, 422),
        ({"data": {"body": "b", "nonce": "g" * 32}}, 422),
        ({"data": {"body": " \n", "nonce": "0" * 32}}, 422),
    ):
        assert (await reader.desk.client.post(link, **sent)).status_code == status, sent

    assert await reader.said(item["id"]) == []


async def test_two_forms_sent_at_once_are_an_answer_each(reader):
    item = await reader.desk.post()
    link = await reader.link(item["id"])
    nonces = [f"{number:032x}" for number in (1, 2, 1, 2)]

    await asyncio.gather(*(reader.send(link, f"answer {int(nonce, 16)}", nonce=nonce) for nonce in nonces))

    assert sorted(await reader.said(item["id"])) == ["answer 1", "answer 2"]
