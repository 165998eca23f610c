"""On the page of their links people choose how often a topic comes."""

import pytest

from opsloop_notifications.recipients.rules import person_id
from opsloop_notifications.unsubscribing import service as unsubscribing
from opsloop_notifications.unsubscribing.rules import Link
from services.notifications.tests.test_digests import digests

__all__ = ["digests"]


@pytest.fixture
async def page(digests, service):
    link = Link(person_id("acme", "u1"), "news", "email")
    found = unsubscribing.address_of(link, "acme", secrets=service.runtime.secrets, public_url="http://service.test")
    return str(found)


async def test_people_choose_on_their_page_how_often(digests, service, page):
    shown = (await service.client.get(page)).text
    assert '<option value="day" selected>daily · 每天</option>' in shown

    saved = await service.client.post(page, data={"do": "save", "topic.news": "on", "every.news": "week"})
    assert saved.status_code == 200
    wishes = await digests.post.call("GET", "/v1/recipients/u1/preferences")
    of_news = next(each for each in wishes["topics"] if each["topic"] == "news")
    assert of_news == {
        "topic": "news", "channel": "email", "is_on": True,
        "digest": {"every": "week", "at": "09:00", "weekday": "monday"},
    }  # fmt: skip
    assert '<option value="week" selected>' in (await service.client.get(page)).text


@pytest.mark.parametrize("every", ["", "day", "month", "<b>"])
async def test_what_is_no_other_wish_is_none(digests, service, page, every):
    await service.client.post(page, data={"do": "save", "topic.news": "on", "every.news": every, "every.x": "week"})

    wishes = await digests.post.call("GET", "/v1/recipients/u1/preferences")
    assert {each["digest"] for each in wishes["topics"]} == {None}
