"""The links of mails: POST ends a topic without cookies, GET shows a page and changes nothing."""

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.http import TEST_SECRET
from opsloop_notifications.recipients.rules import person_id
from opsloop_notifications.unsubscribing.rules import Link
from opsloop_notifications.unsubscribing.service import address_of

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
PUBLIC = "https://ops.example.test"


class Reader:
    """Somebody with a link, and no key."""

    def __init__(self, service, key, user="u1"):
        self.service, self.key, self.user = service, key, user

    def link(self, topic="news", workspace="acme"):
        link = Link(person_id(workspace, self.user), topic, "email")
        address = address_of(link, workspace, secrets=self.service.runtime.secrets, public_url=PUBLIC)
        parts = urlsplit(address)
        return f"{parts.path}?{parts.query}"

    async def open(self, link=None, status=200):
        answer = await self.service.client.get(link or self.link())
        assert answer.status_code == status, answer.text
        return answer.text

    async def post(self, link=None, status=200, **options):
        answer = await self.service.client.post(link or self.link(), **{"data": ONE_CLICK} | options)
        assert answer.status_code == status, answer.text
        assert not answer.cookies
        return answer.text

    async def api(self, method, path, status=200, **options):
        answer = await self.service.client.request(method, path, headers=self.key, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def wanted(self):
        found = await self.api("GET", f"/v1/recipients/{self.user}/preferences")
        return {each["topic"]: each["is_on"] for each in found["topics"]}

    async def told(self):
        return [e.data for e in await self.service.events() if e.type.startswith("recipient.")]


@pytest.fixture
async def reader(service):
    made = Reader(service, await service.key())
    await made.api("PUT", "/v1/recipients/u1", 201, json={"email": "u1@example.test"})
    await made.api("POST", "/v1/notification-topics", 201, json={"key": "news", "name": "News", "name_zh": "新闻"})
    critical = {"key": "outage", "name": "Outages", "is_critical": True}
    await made.api("POST", "/v1/notification-topics", 201, json=critical)
    return made


async def test_a_get_shows_the_page_in_both_languages_and_changes_nothing(reader):
    for _ in range(2):
        page = await reader.open()

    for words in ("Unsubscribe", "退订", "News", "新闻", "General messages", "一般消息"):
        assert words in page
    assert "Outages" not in page
    assert "u1" not in page
    assert await reader.wanted() == {}
    assert await reader.told() == []


async def test_a_post_of_a_mail_program_ends_that_topic_alone_and_once(reader):
    for _ in range(2):
        page = await reader.post()

    assert "You are unsubscribed" in page
    assert "您已退订" in page
    assert await reader.wanted() == {"news": False}
    (told,) = await reader.told()
    assert (told["user_id"], told["topic"], told["channel"], told["by"]) == ("u1", "news", "email", "link")


@pytest.mark.parametrize("boundary", ["xyz", "----WebKitFormBoundary7MA4YWxk"])
async def test_the_form_may_come_in_parts_as_rfc_8058_has_it(reader, boundary):
    part = 'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
    body = f"--{boundary}\r\n{part}--{boundary}--\r\n"
    kind = {"content-type": f"multipart/form-data; boundary={boundary}"}

    await reader.post(data=None, content=body.encode(), headers=kind)

    assert await reader.wanted() == {"news": False}


@pytest.mark.parametrize("form", [{}, {"List-Unsubscribe": "No"}, {"do": "dance"}, {"unsubscribe": "yes"}])
async def test_a_post_that_asks_for_nothing_shows_the_page(reader, form):
    page = await reader.post(data=None, content="&".join(f"{k}={v}" for k, v in form.items()), headers={
        "content-type": "application/x-www-form-urlencoded",
    })  # fmt: skip

    assert "Unsubscribe" in page
    assert await reader.wanted() == {}


async def test_a_form_from_another_site_is_refused(reader):
    await reader.post(status=403, headers={"sec-fetch-site": "cross-site"})
    await reader.post(status=403, headers={"origin": "https://elsewhere.example"})

    assert await reader.wanted() == {}


async def test_the_page_saves_what_is_kept_and_lets_come_back(reader):
    await reader.post()
    await reader.post(data={"do": "save", "topic.news": "on"})
    assert await reader.wanted() == {"general": False, "news": True}
    assert re.search(r'name="topic\.news" checked', await reader.open())

    await reader.post(data={"do": "save", "topic.general": "on", "topic.outage": "on", "topic.unheard": "on"})

    assert await reader.wanted() == {"general": True, "news": False}


async def test_who_wants_nothing_at_all_is_suppressed_by_address(reader):
    page = await reader.post(data={"do": "leave"})

    assert "no more messages" in page
    (kept,) = (await reader.api("GET", "/v1/suppressions"))["items"]
    assert (kept["address"], kept["reason"]) == ("u1@example.test", "unsubscribe")
    assert [told["reason"] for told in await reader.told()] == ["unsubscribe"]


async def test_a_link_that_is_none_of_ours_opens_nothing(reader):
    good = reader.link()
    path, _, token = good.partition("?token=")
    for bad in (path, f"{path}?token=", f"{good}A", f"{good[:-1]}", f"{path}?token={token[::-1]}", f"{path}?token=%00"):
        assert (await reader.service.client.get(bad)).status_code in (404, 422), bad
        assert (await reader.service.client.post(bad, data=ONE_CLICK)).status_code in (404, 422), bad
    changed = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    await reader.open(f"{path}?token={changed}", 404)
    await reader.open(good.replace("/p/acme/", "/p/other/"), 404)
    assert await reader.wanted() == {}


async def test_of_who_is_not_known_any_more_nothing_is_kept(reader):
    await reader.api("DELETE", "/v1/recipients/u1", 204)

    for form in (ONE_CLICK, {"do": "save"}, {"do": "leave"}):
        await reader.post(data=form)

    async with reader.service.db.transaction(Context(workspace="acme")) as session:
        assert list(await session.scalars(text("SELECT user_id FROM recipient"))) == []
    assert (await reader.api("GET", "/v1/suppressions"))["items"] == []
    assert await reader.told() == []


async def test_a_topic_without_a_row_is_ended_by_its_key(reader):
    await reader.post(reader.link("never-named"))

    assert await reader.wanted() == {"never-named": False}


async def test_names_that_look_like_markup_are_text(reader):
    await reader.api("POST", "/v1/notification-topics", 201, json={"key": "x", "name": '<b>"bold"</b>'})

    page = await reader.open()

    assert "<b>" not in page
    assert "&lt;b&gt;" in page


async def test_pages_load_nothing_and_run_no_script(reader):
    answer = await reader.service.client.get(reader.link())

    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.text


async def test_a_link_holds_as_long_as_its_key_is_named(reader):
    link, runtime = reader.link(), reader.service.runtime
    runtime.secrets = SecretBox("the new key of tests, 32 characters", previous=["another", TEST_SECRET])

    assert reader.link() != link
    await reader.post(link)
    await reader.post(reader.link())
    runtime.secrets = SecretBox("the new key of tests, 32 characters")
    await reader.post(link, status=404)
