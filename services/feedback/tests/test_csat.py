"""CSAT asks: whom, when, once; and what is told of an answer."""

import re
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from opsloop_common.contracts.users import UserErased, mailbox_user_id
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations.consumers import ERASURES as AUTHORS
from opsloop_feedback.csat.consumers import RESOLVED
from services.feedback.tests.conftest import Desk
from services.feedback.tests.csat_authors import LI, Asking


async def test_an_author_is_asked_an_hour_later_and_answers(asking):
    item = await asking.desk.post(author={"user_id": "u1"} | LI, title="支付失败", locale="zh-CN", channel="email")
    await asking.resolve(item["id"], assignee="ann", team="pay")
    await asking.work(59)
    assert await asking.asked() == []
    await asking.work(1)

    [question] = await asking.asked()
    said = {"user_id": "u1", "email": LI["email"], "channels": ["email", "inbox"], "locale": "zh-CN", "reply_to": None}
    assert {name: question[name] for name in said} == said
    assert question["title"] == f"您对处理结果满意吗？[#{item['number']}]"
    assert "支付失败" in question["body"]

    link, before = asking.link(question), await asking.desk.get(f"/v1/feedback/{item['id']}")
    page = await asking.open(link)
    assert "您对处理结果满意吗" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "sandbox" in page.headers["content-security-policy"]
    assert await asking.said() == await asking.rated() == []
    assert before == await asking.desk.get(f"/v1/feedback/{item['id']}")

    assert "谢谢" in await asking.send(link, "5", "很快\r\n谢谢")

    [one] = await asking.said()
    kept = {
        "score": 5,
        "comment": "很快\n谢谢",
        "assignee": "ann",
        "team": "pay",
        "channel": "email",
        "feedback_id": item["id"],
    }
    assert {name: one[name] for name in kept} == kept
    [event] = await asking.rated()
    assert event.partitionkey == f"feedback/{item['id']}"
    told = {
        "number": item["number"],
        "score": 5,
        "assignee": "ann",
        "team": "pay",
        "channel": "email",
        "is_first": True,
    }
    assert {name: event.data[name] for name in told} == told
    assert "很快" not in "".join(each.to_bytes().decode() for each in await asking.desk.api.events())


async def test_one_resolution_is_asked_about_once_however_often_it_is_told(asking):
    item, link = await asking.asked_link()

    await asking.work(60)
    [resolved] = [event for event in await asking.desk.api.events() if event.type == "feedback.resolved"]
    again = resolved.model_copy(update={"id": uuid4()})
    await deliver(asking.desk.api.db, RESOLVED, again)
    await asking.desk.patch(item["id"], status="closed")
    await asking.work(60)

    assert len(await asking.asked()) == 1
    await asking.send(link, "4")


async def test_who_opens_it_again_is_asked_after_the_next_resolution_alone(asking):
    await asking.say(quiet="PT0S")
    item = await asking.desk.post(author=LI)
    await asking.resolve(item["id"])
    await asking.desk.patch(item["id"], status="open")
    await asking.work(61)
    assert await asking.asked() == []

    await asking.resolve(item["id"])
    await asking.work(30)
    await asking.desk.patch(item["id"], status="open")
    await asking.desk.patch(item["id"], status="resolved")
    await asking.work(31)
    assert await asking.asked() == []  # its hour begins again
    await asking.work(29)
    link = asking.link((await asking.asked())[0])
    await asking.send(link, "2")

    await asking.desk.patch(item["id"], status="open")
    await asking.open(link, 404)
    await asking.send(link, "5", status=404)
    await asking.resolve(item["id"])
    await asking.work(60)
    await asking.send(link, "5")  # the same link, another resolution
    assert [one["score"] for one in await asking.said()] == [5, 2]
    assert [event.data["is_first"] for event in await asking.rated()] == [True, True]


async def test_who_was_asked_lately_is_left_alone_also_when_two_are_due_at_once(asking):
    posts = [await asking.desk.post(author=LI) for _ in range(2)]
    for post in posts:
        await asking.desk.patch(post["id"], status="resolved")
    await asking.work(0)
    await asking.work(60)
    assert len(await asking.asked()) == 1

    asking.clock.advance(29 * 86_400)
    await asking.asked_link()
    assert len(await asking.asked()) == 1
    asking.clock.advance(2 * 86_400)
    await asking.asked_link()
    assert len(await asking.asked()) == 2
    await asking.asked_link(author={"email": "other@example.test"})
    assert len(await asking.asked()) == 3


@pytest.mark.parametrize("author", [{}, {"name": "Li"}])
async def test_who_cannot_be_reached_is_not_asked(asking, author):
    item = await asking.desk.post(author=author)
    await asking.resolve(item["id"])
    await asking.work(60)

    assert await asking.asked() == []


async def test_what_is_over_an_hours_measure_is_asked_in_the_next(asking, monkeypatch):
    monkeypatch.setattr("opsloop_feedback.csat.rules.QUESTIONS_PER_HOUR", 2)
    for number in range(3):
        item = await asking.desk.post(author={"email": f"u{number}@example.test"})
        await asking.desk.patch(item["id"], status="resolved")
    await asking.work(0)
    await asking.work(60)
    assert len(await asking.asked()) == 2
    await asking.work(60)

    assert len(await asking.asked()) == 3


async def test_where_nobody_wants_to_know_nobody_is_asked(asking):
    item = await asking.desk.post(author=LI)
    await asking.resolve(item["id"])
    await asking.say(enabled=False)
    await asking.work(60)
    url = urlsplit((await asking.desk.get(f"/v1/feedback/{item['id']}/status-link"))["url"])

    assert await asking.asked() == []
    assert "rating?token=" not in (await asking.open(f"{url.path}?{url.query}")).text
    await asking.say(enabled=True)
    link = (await asking.open(f"{url.path}?{url.query}")).text
    [query] = re.findall(r'href="(rating\?token=[^"]+)"', link)
    await asking.say(enabled=False)
    await asking.open(f"/p/acme/{query}", 404)
    await asking.send(f"/p/acme/{query}", "1", status=404)


async def test_without_a_public_address_nobody_is_asked(desk):
    asking = Asking(Desk(desk.api, await desk.api.key("feedback:read", "feedback:write", "feedback:admin")))
    assert (await asking.say(enabled=True))["enabled"] is True
    item = await asking.desk.post(author=LI)
    await asking.resolve(item["id"])
    await asking.work(60)

    assert await asking.asked() == []


async def test_settings_have_versions_and_bounds_and_belong_to_admins(asking):
    first = await asking.desk.get("/v1/csat-settings")
    assert (first["enabled"], first["delay"], first["quiet"], first["version"]) == (True, "PT1H", "P30D", 1)
    assert await asking.say(delay="PT2H", headers={"If-Match": '"1"'}) | {"delay": "PT2H", "version": 2} == (
        await asking.desk.get("/v1/csat-settings")
    )
    assert (await asking.say(delay="PT2H"))["version"] == 2
    await asking.say(412, headers={"If-Match": '"1"'}, delay="PT3H")
    for bad in (
        {"delay": "-PT1H"},
        {"delay": "P31D"},
        {"quiet": "P400D"},
        {"quiet": None},
        {"enabled": None},
        {"x": 1},
    ):
        await asking.say(422, **bad)

    agent, door = await asking.desk.api.key("feedback:read", "feedback:write"), asking.desk.client
    refused = await door.patch("/v1/csat-settings", json={"enabled": False}, headers=agent)
    elsewhere = await asking.desk.api.key("feedback:read", workspace="other")
    others = await door.get("/v1/csat-settings", headers=elsewhere)
    assert (refused.status_code, others.json()["enabled"], others.json()["version"]) == (403, False, 0)
    assert (await door.get("/v1/csat-responses", headers=elsewhere)).json()["items"] == []


async def test_of_an_erased_author_nobody_is_asked(asking):
    item = await asking.desk.post(author=LI)
    await asking.resolve(item["id"])
    data = UserErased(erasure_id=uuid4(), user_id="gone", user_ids=[mailbox_user_id("acme", LI["email"])])
    await deliver(asking.desk.api.db, AUTHORS, make_event(data, source="/opsloop/metrics"))
    await asking.work(60)

    assert await asking.asked() == []
    assert (await asking.desk.api.client.get("/v1/csat-responses")).status_code == 401


async def test_a_question_goes_by_the_settings_of_its_hour(asking):
    await asking.say(delay="PT0S")
    await asking.asked_link(minutes=0)
    await asking.say(delay="P2D")
    item = await asking.desk.post(author={"email": "late@example.test"})
    await asking.resolve(item["id"])
    await asking.work(47 * 60)
    assert len(await asking.asked()) == 1
    await asking.work(60)
    assert len(await asking.asked()) == 2
